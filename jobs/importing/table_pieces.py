"""Parts of a table as pieces of a table of ours: several workers write it, and it appears when the import ends."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from datacenter.datasets.tables.kept import PIECE_MEDIA_TYPE, KeptTable, number_of_piece, piece_number
from datacenter.datasets.tables.parts import RowCount, part_row
from jobs.contract import JobContext

NO_CRC = 0
"""A piece has no bytes of its own. Whether its rows are those that were imported, its note tells by their number."""


def begin_table(job: JobContext, table: KeptTable, schema: pa.Schema) -> None:
    """Begin the write that every shard adds to; again, it is the same one. Raises: ColumnUnsupported, TableMissing."""
    job.open_tables(table.storage).begin_write(table.name, schema, write_id=table.write_id, keep_parts=True)


def write_pieces(
    job: JobContext, table: KeptTable, spec: dict[str, Any], batches: Iterator[pa.RecordBatch]
) -> list[dict[str, Any]]:
    """Write the rows as pieces of about a shard's bytes, a transaction each. Returns their manifest rows.

    Raises: LabelsInvalid, ValueUnsupported.
    """
    number, attempt = spec["partition"], job.held.token
    tables = job.open_tables(table.storage)
    filled = (batch for batch in batches if batch.num_rows)
    rows: list[dict[str, Any]] = []
    batch = next(filled, None)
    # The first shard writes a piece though there be no rows, so that the dataset has columns to be exported.
    while batch is not None or not (number or rows):
        count = RowCount(label_column=spec["label_column"], most_labels=job.resources.settings.limits.labels)
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
    """Let the table appear with the pieces that count, and without those of attempts that do not."""
    counted = (number for result in results for number in result["pieces"])
    job.open_tables(table.storage).complete_write(table.name, table.write_id, parts=counted)


def piece_numbers(rows: Iterable[dict[str, Any]]) -> list[int]:
    """The numbers of the pieces that the manifest rows name."""
    return [number_of_piece(row["key"]) for row in rows]


class _Piece:
    """The batches of one piece, counted while they are written; the first one that is too much is the `rest`."""

    def __init__(
        self,
        first: pa.RecordBatch | None,
        batches: Iterator[pa.RecordBatch],
        count: RowCount,
        most_bytes: int,
    ) -> None:
        self.rest = first
        self.size_bytes = 0
        self._batches, self._count, self._most_bytes = batches, count, most_bytes

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while self.rest is not None and self.size_bytes < self._most_bytes:
            batch = self.rest
            self._count.add(batch)
            self.size_bytes += batch.nbytes
            yield batch
            self.rest = next(self._batches, None)
