"""CSV labels: a header, then a row for each file, as spreadsheets and scripts write them."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, cast

import orjson
import pyarrow as pa

from datacenter.formats.arrow_types import list_lengths, string_lists, strings
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import DEFAULT_LIMITS, LabelLimits, LabelVocabulary, safe_reference
from datacenter.formats.label_table import (
    ANNOTATION_NAME,
    LABEL_NAMES,
    LABEL_SEPARATORS,
    PATH_NAMES,
    LabelTableBuilder,
)
from datacenter.formats.lines import bounded, byte_lines

WINDOW_BYTES = 8 << 20
"""The text that decides the encoding, from the first line that is not ASCII. Short GB18030 texts can be valid UTF-8
by chance (some single Chinese characters are), so that one line alone would be wrong too often."""

NumberedLine = tuple[int, bytes]


def text_lines(lines: Iterable[bytes]) -> Iterator[str]:
    """The lines as text, without a byte order mark; holds at most one window of them.

    Raises:
        LabelsInvalid: BAD_LABELS, naming the line that is not in the encoding of the text.
    """
    source = enumerate(lines, 1)
    for number, line in source:
        if line.isascii():
            yield line.decode("ascii")
            continue
        window = _window((number, line), source)
        encoding = _encoding(window)
        for later, text in chain(window, source):
            yield _decoded(text, later, encoding)


def _window(first: NumberedLine, source: Iterator[NumberedLine]) -> list[NumberedLine]:
    window, size_bytes = [first], len(first[1])
    while size_bytes < WINDOW_BYTES and (line := next(source, None)):
        window.append(line)
        size_bytes += len(line[1])
    return window


def _encoding(window: list[NumberedLine]) -> str:
    number, line = window[0]
    if number == 1 and line.startswith(codecs.BOM_UTF8):
        window[0] = (number, line.removeprefix(codecs.BOM_UTF8))
        return "utf-8"
    try:
        for _, line in window:
            line.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _decoded(line: bytes, number: int, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"line {number} is neither UTF-8 nor GB18030 like the rest of the file; save it as UTF-8"
        raise LabelsInvalid("BAD_LABELS", reason, line[:200].decode("ascii", "backslashreplace")) from error


@dataclass(frozen=True, kw_only=True)
class CsvColumns:
    """The positions of the columns in a row."""

    width: int
    path: int
    labels: Sequence[tuple[int, bool]]
    """Position, and whether the cell may hold several labels."""
    others: Sequence[tuple[int, str]]

    @classmethod
    def from_header(cls, header: Sequence[str]) -> "CsvColumns":
        """Find the columns; upper and lower case are the same.

        Raises:
            LabelsInvalid: BAD_LABELS, there is no path column, or two columns have the same name.
        """
        names = [unguarded(cell).strip() for cell in header]
        folded = [name.casefold() for name in names]
        if twice := next((name for name in folded if name and folded.count(name) > 1), None):
            raise LabelsInvalid("BAD_LABELS", "line 1: two columns have the same name", twice)
        path = next((folded.index(name) for name in PATH_NAMES if name in folded), None)
        if path is None:
            raise LabelsInvalid(
                "BAD_LABELS",
                f"line 1: no column for the path; name it {' or '.join(PATH_NAMES)}",
                ",".join(header),
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
        raise LabelsInvalid("BAD_LABELS", "the label file is empty; it needs a header")
    return builder.finish()


def _allow_long_cells(limits: LabelLimits) -> None:
    # The csv module has one bound for the whole process, lower than ours; it is raised, never lowered.
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
        reason = f"line {line}: {len(row)} cells, but the header has {columns.width}"
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
    """The cell's JSON on one line, as it is written into JSONL unchanged; a cell that is not JSON as a text."""
    try:
        value = orjson.loads(cell)
    except orjson.JSONDecodeError:
        return orjson.dumps(cell)
    try:
        return None if value is None else orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise LabelsInvalid("BAD_LABELS", f"line {line}: the annotation is nested too deeply") from error


class CsvWriter:
    """A label writer for people: a byte order mark so that spreadsheets see UTF-8, and CRLF."""

    filename: ClassVar[str] = "labels.csv"

    def head(self) -> bytes:
        """The byte order mark and the header."""
        return b"\xef\xbb\xbfpath,labels,annotation\r\n"

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """One row a file; the cell is empty without annotation."""
        text = io.StringIO(newline="")
        rows = zip(paths(batch), label_lists(batch), annotation_texts(batch), strict=True)
        csv.writer(text).writerows(
            (guarded(path), guarded(joined_labels(labels)), guarded(annotation or ""))
            for path, labels, annotation in rows
        )
        return text.getvalue().encode()

    def tail(self) -> bytes:
        """Nothing."""
        return b""


def paths(batch: pa.RecordBatch) -> list[str]:
    """The path of each row."""
    return cast(list[str], batch.column("path").to_pylist())


def label_lists(batch: pa.RecordBatch) -> Iterator[list[str]]:
    """The labels of each row; flattening first is several times faster than Arrow's own conversion of lists."""
    lists = string_lists(batch.column("labels"))
    values = cast(list[str], lists.flatten().to_pylist())
    start = 0
    for length in list_lengths(lists).tolist():
        yield values[start : start + length]
        start += length


def annotation_texts(batch: pa.RecordBatch) -> list[str | None]:
    """The annotation of each row as JSON text."""
    return strings(batch.column("annotation")).to_pylist()


def embedded(text: str | None) -> orjson.Fragment | None:
    """JSON text that goes into a line as it is."""
    return None if text is None else orjson.Fragment(text)


# A spreadsheet must not read a cell as a formula. A cell that begins with `=`, `+`, `-`, `@`, TAB or CR is written with
# a `'` before it. One that begins with such a sign after one or more `'` gets one more, so that reading, which removes
# one, gives exactly the original cell. Cells that begin with `'` without such a sign are not changed in either direction.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(cell: str) -> str:
    """The cell as it is written."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell before `guarded`."""
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell


def joined_labels(labels: list[str]) -> str:
    """Labels in one cell: `cat|dog`, or a JSON array if a label holds a separator."""
    cell = "|".join(labels)
    if cell.startswith("[") or any(LABEL_SEPARATORS.search(label) for label in labels):
        return orjson.dumps(labels).decode()
    return cell


def split_labels(cell: str) -> Iterable[str]:
    """The labels of a cell: a JSON array of strings, or texts between `|` or `;`, without empty ones."""
    if cell.startswith("["):
        try:
            value = orjson.loads(cell)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, list) and all(isinstance(label, str) for label in value):
            return value
    return [part for part in LABEL_SEPARATORS.split(cell) if part.strip()]
