"""CSV labels: a header, then a row for each file, as spreadsheets and scripts write them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa

from datacenter.formats.cells import split_labels, unguarded
from datacenter.formats.columns import ANNOTATION_NAME, LABEL_NAMES, PATH_NAMES
from datacenter.formats.encodings import text_lines
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import LabelVocabulary
from datacenter.formats.label_table import LabelTableBuilder
from datacenter.formats.limits import DEFAULT_LIMITS, LabelLimits
from datacenter.formats.lines import bounded, byte_lines
from datacenter.formats.references import safe_reference


@dataclass(frozen=True, kw_only=True)
class CsvColumns:
    """Where in a row what stands."""

    width: int
    path: int
    labels: Sequence[tuple[int, bool]]
    """Each with whether the cell may hold several."""
    others: Sequence[tuple[int, str]]

    @classmethod
    def from_header(cls, header: Sequence[str]) -> "CsvColumns":
        """Find the columns, whatever the case of their names.

        Raises:
            LabelsInvalid: BAD_LABELS without a path column, or with two columns of one name.
        """
        names = [unguarded(cell).strip() for cell in header]
        folded = [name.casefold() for name in names]
        if twice := next((name for name in folded if name and folded.count(name) > 1), None):
            raise LabelsInvalid("BAD_LABELS", "line 1: two columns have the same name", twice)
        path = next((folded.index(name) for name in PATH_NAMES if name in folded), None)
        if path is None:
            raise LabelsInvalid(
                "BAD_LABELS", f"line 1: no column is named {', '.join(PATH_NAMES)}", ",".join(header)
            )
        labels = [(at, name == "labels") for at, name in enumerate(folded) if name in LABEL_NAMES]
        taken = {path, *(at for at, _ in labels)}
        others = [(at, name or f"column_{at + 1}") for at, name in enumerate(names) if at not in taken]
        return cls(width=len(names), path=path, labels=labels, others=others)


def read_labels(chunks: Iterable[bytes], base: str = "", limits: LabelLimits = DEFAULT_LIMITS) -> pa.Table:
    """The label table of a CSV file, each path with `base` before it.

    UTF-8 (with or without a byte order mark) or GB18030, quoted cells, LF or CRLF. Other columns become an
    object of strings, without the empty ones.

    Raises:
        LabelsInvalid: naming the line.
    """
    _allow_long_cells(limits)
    lines = (line + "\n" for line in text_lines(byte_lines(bounded(chunks, limits), limits)))
    rows = csv.reader(lines, strict=True)
    builder, vocabulary = LabelTableBuilder(base), LabelVocabulary(limits.labels)
    columns: CsvColumns | None = None
    for row in _parsed(rows):
        if not row:
            continue
        if columns is None:
            columns = CsvColumns.from_header(row)
        else:
            _add(row, columns, rows.line_num, builder, vocabulary)
    if columns is None:
        raise LabelsInvalid("BAD_LABELS", "the label file is empty; a header is needed")
    return builder.finish()


def _allow_long_cells(limits: LabelLimits) -> None:
    # The csv module has one bound for the whole process, lower than ours; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), limits.line_bytes))


def _parsed(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        line = getattr(rows, "line_num", 0)
        raise LabelsInvalid("BAD_LABELS", f"line {line}: {error}") from error


def _add(
    row: list[str], columns: CsvColumns, line: int, builder: LabelTableBuilder, vocabulary: LabelVocabulary
) -> None:
    if len(row) != columns.width:
        reason = f"line {line}: {len(row)} cells under a header of {columns.width}"
        raise LabelsInvalid("BAD_LABELS", reason, ",".join(row))
    path = safe_reference(unguarded(row[columns.path]), line)
    labels: list[str] = []
    for at, several in columns.labels:
        cell = unguarded(row[at])
        texts = split_labels(cell) if several else ((cell,) if cell.strip() else ())
        labels.extend(vocabulary.admit(text, line) for text in texts)
    builder.add(path, labels, _annotation(row, columns, line))


def _annotation(row: list[str], columns: CsvColumns, line: int) -> bytes | None:
    values = {name: unguarded(row[at]) for at, name in columns.others if row[at]}
    if not values:
        return None
    if values.keys() == {ANNOTATION_NAME}:
        return _json_value(values[ANNOTATION_NAME], line)
    return orjson.dumps(values)


def _json_value(cell: str, line: int) -> bytes | None:
    """The cell's JSON on one line, since it is put into lines of JSONL as it stands; else the cell as a text."""
    try:
        value = orjson.loads(cell)
    except orjson.JSONDecodeError:
        return orjson.dumps(cell)
    try:
        return None if value is None else orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise LabelsInvalid("BAD_LABELS", f"line {line}: the annotation is nested too deeply") from error
