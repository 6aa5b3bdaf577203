"""Parts of a table: shards write rows as Parquet objects or as pieces of a kept table; the finish keeps the valid ones."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from datacenter.datasets.tables.kept import PIECE_MEDIA_TYPE, KeptTable, number_of_piece, piece_number
from datacenter.datasets.tables.parts import RowCount, new_part, part_row
from datacenter.formats.table_formats import TABLE_FORMATS
from jobs.cleanup import remove
from jobs.contract import JobContext
from jobs.importing.staging import ImportStaging
from storage_adapters.table_storage.spool import row_groups

PARQUET = TABLE_FORMATS["parquet"]
GROUP_BYTES = 32 << 20
"""Rows are buffered until they make a row group of this size."""


def write_parts(
    job: JobContext,
    staging: ImportStaging,
    number: int,
    label_column: str | None,
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
) -> list[dict[str, Any]]:
    """Write the rows as parts of about a shard's bytes. Returns their manifest rows. Raises: LabelsInvalid."""
    token = job.held.token
    groups = row_groups(batches, size_bytes=GROUP_BYTES)
    rows: list[dict[str, Any]] = []
    group = next(groups, None)
    while group is not None and (group.num_rows or not number):
        count = RowCount(label_column=label_column, max_labels=job.resources.settings.limits.labels)
        key = staging.part_key(number, token, len(rows))
        with new_part(staging.storage, key, PARQUET, schema, count) as part:
            while group is not None:
                part.write(group)
                group = next(groups, None)
                if part.size_bytes >= job.resources.settings.shards.size_bytes:
                    break
        path = f"part-{number:06d}-{len(rows):06d}{PARQUET.suffix}"
        rows.append(part.row(path=path, key=key, media_type=PARQUET.media_type))
        job.report(size_bytes=part.size_bytes)
    return rows


def keep_counted(staging: ImportStaging, results: Iterable[dict[str, Any]]) -> None:
    """Remove the parts of failed attempts."""
    counted = {result["parts"] for result in results}
    stored = (info.key for info in staging.storage.list_objects(staging.objects_prefix))
    remove(staging.storage, [key for key in stored if f"{key.rpartition('/')[0]}/" not in counted])


NO_CRC = 0
"""A piece has no bytes of its own. Its rows are checked by their number, which the note of its manifest row has."""


def begin_table(job: JobContext, table: KeptTable, schema: pa.Schema) -> None:
    """Begin the write that every shard adds to; a second call begins the same one. Raises: ColumnUnsupported, TableMissing."""
    job.open_tables(table.storage).begin_write(table.name, schema, write_id=table.write_id, keep_parts=True)


def write_pieces(
    job: JobContext,
    table: KeptTable,
    number: int,
    label_column: str | None,
    batches: Iterator[pa.RecordBatch],
) -> list[dict[str, Any]]:
    """Write the rows as pieces of about a shard's bytes, one transaction per piece. Returns their manifest rows.

    Raises: LabelsInvalid, ValueUnsupported.
    """
    attempt = job.held.token
    tables = job.open_tables(table.storage)
    filled = (batch for batch in batches if batch.num_rows)
    rows: list[dict[str, Any]] = []
    batch = next(filled, None)
    # The first shard writes a piece even without rows, so that the dataset has columns to export.
    while batch is not None or not (number or rows):
        count = RowCount(label_column=label_column, max_labels=job.resources.settings.limits.labels)
        piece = _Piece(batch, filled, count, job.resources.settings.shards.size_bytes)
        piece_id = piece_number(number, len(rows), attempt)
        tables.write_partition(table.name, table.write_id, piece_id, piece)
        rows.append(
            part_row(
                count.note(),
                path=f"part-{number:06d}-{len(rows):06d}",
                key=table.piece_key(piece_id),
                media_type=PIECE_MEDIA_TYPE,
                size_bytes=piece.size_bytes,
                crc32=NO_CRC,
            )
        )
        job.report(size_bytes=piece.size_bytes)
        batch = piece.rest
    return rows


def publish_table(job: JobContext, table: KeptTable, results: Iterable[dict[str, Any]]) -> None:
    """Publish the table with the pieces of successful attempts only."""
    counted = (number for result in results for number in result["pieces"])
    job.open_tables(table.storage).complete_write(table.name, table.write_id, parts=counted)


def piece_numbers(rows: Iterable[dict[str, Any]]) -> list[int]:
    """The numbers of the pieces that the manifest rows name."""
    return [number_of_piece(row["key"]) for row in rows]


class _Piece:
    """The batches of one piece, counted while they are written; the first batch beyond it is the `rest`."""

    def __init__(
        self,
        first: pa.RecordBatch | None,
        batches: Iterator[pa.RecordBatch],
        count: RowCount,
        max_bytes: int,
    ) -> None:
        self.rest = first
        self.size_bytes = 0
        self._batches, self._count, self._max_bytes = batches, count, max_bytes

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while self.rest is not None and self.size_bytes < self._max_bytes:
            batch = self.rest
            self._count.add(batch)
            self.size_bytes += batch.nbytes
            yield batch
            self.rest = next(self._batches, None)
