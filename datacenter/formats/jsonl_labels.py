"""JSONL labels: one JSON object a line, the format that keeps labels and annotations exactly."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import orjson
import pyarrow as pa

from datacenter.formats.arrow_types import string_lists, strings
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.json_lines import as_bytes, joined, quoted, quoted_lists
from datacenter.formats.label_rules import DEFAULT_LIMITS, LabelLimits, LabelVocabulary, safe_reference
from datacenter.formats.label_table import ANNOTATION_NAME, LABEL_NAMES, PATH_NAMES, LabelTableBuilder
from datacenter.formats.lines import bounded, byte_lines

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_labels(chunks: Iterable[bytes], base: str = "", limits: LabelLimits = DEFAULT_LIMITS) -> pa.Table:
    """The label table of a JSONL file, each path with `base` before it; empty lines are skipped.

    A label is a text or a whole number; a label field holds one, a list of them or null. All other
    fields become the annotation. Numbers beyond 64 bits become floating point.

    Raises:
        LabelsInvalid: naming the line.
    """
    builder, vocabulary = LabelTableBuilder(base), LabelVocabulary(limits.labels)
    for number, line in enumerate(byte_lines(bounded(chunks, limits), limits), 1):
        text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if text.strip():
            _add(_parsed(text, number), number, builder, vocabulary)
    return builder.finish()


def _parsed(text: bytes, line: int) -> dict[str, Any]:
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise LabelsInvalid(
            "BAD_LABELS", f"line {line} is not JSON in UTF-8: {error}", _head(text)
        ) from error
    if not isinstance(record, dict):
        raise LabelsInvalid("BAD_LABELS", f"line {line} is not a JSON object", _head(text))
    return record


def _head(text: bytes) -> str:
    return text[:1000].decode("utf-8", "backslashreplace")


def _add(record: dict[str, Any], line: int, builder: LabelTableBuilder, vocabulary: LabelVocabulary) -> None:
    name = next((name for name in PATH_NAMES if name in record), None)
    path = record.pop(name) if name else None
    if not isinstance(path, str):
        raise LabelsInvalid(
            "BAD_LABELS",
            f"line {line}: no path; it must be a text, named {' or '.join(PATH_NAMES)}",
            str(path),
        )
    labels = [
        vocabulary.admit(text, line)
        for field in LABEL_NAMES
        if field in record
        for text in _texts(record.pop(field), line)
    ]
    builder.add(safe_reference(path, line), labels, _annotation(record, line))


def _texts(value: Any, line: int) -> Iterator[str]:
    for label in value if isinstance(value, list) else [value]:
        if isinstance(label, str):
            yield label
        elif isinstance(label, int) and not isinstance(label, bool):
            yield str(label)
        elif label is not None or isinstance(value, list):
            raise LabelsInvalid(
                "BAD_LABELS", f"line {line}: a label is neither text nor a whole number", str(label)
            )


def _annotation(rest: dict[str, Any], line: int) -> bytes | None:
    value = rest[ANNOTATION_NAME] if rest.keys() == {ANNOTATION_NAME} else (rest or None)
    try:
        return None if value is None else orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise LabelsInvalid("BAD_LABELS", f"line {line}: the annotation is nested too deeply") from error


class JsonlWriter:
    """A label writer for programs; without an annotation the key is left out."""

    filename: ClassVar[str] = "labels.jsonl"

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """One line a row."""
        annotation = joined(',"annotation":', batch.column("annotation"))
        return as_bytes(
            joined(
                '{"path":',
                quoted(strings(batch.column("path"))),
                ',"labels":',
                quoted_lists(string_lists(batch.column("labels"))),
                annotation.fill_null(""),
                "}\n",
            )
        )

    def tail(self) -> bytes:
        """Nothing."""
        return b""
