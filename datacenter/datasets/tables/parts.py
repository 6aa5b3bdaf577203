"""Parts of a table: the Parquet objects that its manifest names, and what the manifest notes of the rows of each."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from datacenter.datasets.columns import occurrences
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.manifest import ManifestTotals
from datacenter.datasets.summed_writer import SummedWriter
from datacenter.datasets.tables.rows import labels_of, rows_matching
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import broken_rule
from datacenter.formats.table_formats import TableFormat, TableWriter
from storage_adapters.object_storage.contract import Storage

GROUP_PARTS = 64
"""Parts in a row group of a table's manifest: the note of a part may name every label of the dataset."""


@dataclass(frozen=True, kw_only=True)
class PartNote:
    """How many rows a part has, and how many of them by label; kept as the annotation of its manifest row."""

    rows: int
    labels: Mapping[str, int] = field(default_factory=dict)

    def to_text(self) -> str:
        """As JSON."""
        return orjson.dumps(
            {"rows": self.rows, "labels": dict(self.labels)}, option=orjson.OPT_SORT_KEYS
        ).decode()

    @classmethod
    def from_text(cls, text: str) -> "PartNote":
        """The note that `to_text` wrote."""
        return cls(**orjson.loads(text))

    def matching(self, wanted: LabelFilter) -> "PartNote":
        """What is left of the part when only the rows stay that a label filter lets through."""
        counts = [*self.labels.values(), self.rows - sum(self.labels.values())]
        passes = rows_matching(pa.array([*self.labels, None], pa.string()), wanted).to_pylist()
        kept = [count if fits else 0 for count, fits in zip(counts, passes, strict=True)]
        labels = {label: rows for label, rows in zip(self.labels, kept, strict=False) if rows}
        return PartNote(rows=sum(kept), labels=labels)


def part_row(
    note: PartNote, *, path: str, key: str, media_type: str, size_bytes: int, crc32: int
) -> dict[str, Any]:
    """The manifest row of a part."""
    return {
        "path": path,
        "size_bytes": size_bytes,
        "crc32": crc32,
        "media_type": media_type,
        "labels": sorted(note.labels),
        "annotation": note.to_text(),
        "key": key,
        "offset": 0,
        "length": size_bytes,
        "compression": None,
    }


@dataclass(kw_only=True)
class TableTotals(ManifestTotals):
    """Totals of a table: its labels count rows instead of files."""

    max_labels: int
    rows: int = 0

    def add(self, rows: pa.Table) -> None:
        """Count some parts. Raises: LabelsInvalid, the labels are too many."""
        parts: list[dict[str, Any]] = rows.select(["size_bytes", "annotation"]).to_pylist()
        for part in parts:
            self.files += 1
            self.size_bytes += part["size_bytes"]
            self._add(PartNote.from_text(part["annotation"]))

    def _add(self, note: PartNote) -> None:
        self.rows += note.rows
        for label, rows in note.labels.items():
            self.labels[label] = self.labels.get(label, 0) + rows
        _check(len(self.labels), self.max_labels)


@dataclass(kw_only=True)
class RowCount:
    """Counts the rows of a part while it is written."""

    label_column: str | None
    max_labels: int
    rows: int = 0
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Count some rows. Raises: LabelsInvalid, a value that can be no label, or too many of them."""
        self.rows += rows.num_rows
        for label, count in occurrences(labels_of(rows, self.label_column).drop_null()).items():
            if label not in self.labels and (reason := broken_rule(label)):
                raise LabelsInvalid("BAD_LABELS", f"column {self.label_column!r}: {reason}", label)
            self.labels[label] = self.labels.get(label, 0) + count
        _check(len(self.labels), self.max_labels)

    def note(self) -> PartNote:
        """What was counted."""
        return PartNote(rows=self.rows, labels=self.labels)


def _check(labels: int, most: int) -> None:
    if labels > most:
        raise LabelsInvalid(
            "TOO_MANY_LABELS",
            f"the label column has more than the {most} different values that a dataset can have as labels; "
            "label_column names another one, or none if it is empty",
        )


class PartWriter:
    """One part while it is written."""

    def __init__(self, sink: SummedWriter, writer: TableWriter, count: RowCount) -> None:
        self._sink, self._writer, self._count = sink, writer, count

    @property
    def size_bytes(self) -> int:
        """Bytes written so far; rows may still be held back."""
        return self._sink.size_bytes

    def write(self, rows: pa.Table) -> None:
        """Add rows, which become a row group where the format has such. Raises: LabelsInvalid, ColumnNotWritable."""
        self._count.add(rows)
        self._writer.write(rows)

    def row(self, *, path: str, key: str, media_type: str) -> dict[str, Any]:
        """The manifest row of the part, once it is finished."""
        size_bytes, crc32 = self._sink.size_bytes, self._sink.crc32
        return part_row(
            self._count.note(), path=path, key=key, media_type=media_type, size_bytes=size_bytes, crc32=crc32
        )


@contextmanager
def new_part(
    storage: Storage, key: str, table_format: TableFormat, schema: pa.Schema, count: RowCount
) -> Iterator[PartWriter]:
    """A part to write rows to; its object appears when the block ends well, or not at all.

    Raises: ColumnNotWritable, the format has no form for a column.
    """
    with SummedWriter(storage, key) as sink, closing(table_format.writer(sink, schema)) as writer:
        yield PartWriter(sink, writer, count)
