"""Parts of a table: the Parquet objects that its manifest names, and the manifest's note on the rows of each."""

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
    """The numbers of a part's rows, in total and by label; stored as the annotation of its manifest row."""

    rows: int
    labels: Mapping[str, int] = field(default_factory=dict)

    def to_text(self) -> str:
        """The note as JSON."""
        return orjson.dumps(
            {"rows": self.rows, "labels": dict(self.labels)}, option=orjson.OPT_SORT_KEYS
        ).decode()

    @classmethod
    def from_text(cls, text: str) -> "PartNote":
        """The note from the text of `to_text`."""
        return cls(**orjson.loads(text))

    def matching(self, wanted: LabelFilter) -> "PartNote":
        """The note of the part reduced to the rows that match a label filter."""
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
        """Count some parts. Raises: LabelsInvalid if there are too many labels."""
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
        """Count some rows. Raises: LabelsInvalid if a value cannot be a label, or there are too many."""
        self.rows += rows.num_rows
        for label, count in occurrences(labels_of(rows, self.label_column).drop_null()).items():
            if label not in self.labels and (reason := broken_rule(label)):
                raise LabelsInvalid("BAD_LABELS", f"column {self.label_column!r}: {reason}", label)
            self.labels[label] = self.labels.get(label, 0) + count
        _check(len(self.labels), self.max_labels)

    def note(self) -> PartNote:
        """The note of the counted rows."""
        return PartNote(rows=self.rows, labels=self.labels)


def _check(labels: int, max_labels: int) -> None:
    if labels > max_labels:
        raise LabelsInvalid(
            "TOO_MANY_LABELS",
            f"the label column has more than {max_labels} different values, the limit of labels in a dataset; "
            "name another label_column, or an empty text for none",
        )


class PartWriter:
    """Writes one part."""

    def __init__(self, sink: SummedWriter, writer: TableWriter, count: RowCount) -> None:
        self._sink, self._writer, self._count = sink, writer, count

    @property
    def size_bytes(self) -> int:
        """Bytes written so far; more rows may be buffered."""
        return self._sink.size_bytes

    def write(self, rows: pa.Table) -> None:
        """Add rows, as a row group if the format has row groups. Raises: LabelsInvalid, ColumnNotWritable."""
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
    """A part to write rows to; its object is published when the block ends without an error, or not at all.

    Raises: ColumnNotWritable if the format cannot hold a column.
    """
    with SummedWriter(storage, key) as sink, closing(table_format.writer(sink, schema)) as writer:
        yield PartWriter(sink, writer, count)
