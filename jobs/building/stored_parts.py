"""Stored parts of a table, to be rendered: the rows of a Parquet object, or of a piece of a table of ours."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pyarrow as pa

from datacenter.archives.crc import crc32
from datacenter.datasets.archives.selection import SelectedVersion
from datacenter.datasets.manifest import open_rows
from datacenter.datasets.tables.kept import KeptTable, number_of_piece
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import Storage
from storage_adapters.table_storage.spool import row_groups

GROUP_BYTES = 32 << 20
"""Rows of a piece are held until they are a row group of so many bytes."""
Part = tuple[pa.Schema, Iterator[pa.Table]]


@contextmanager
def open_part(job: JobContext, version: SelectedVersion, stored: dict[str, Any]) -> Iterator[Part]:
    """The columns and the rows, a row group at a time, of the part that a manifest row names.

    Raises:
        ObjectChanged: it is not what was imported. Of a piece only its number of rows tells, by label; see `PartNote`.
        TableMissing: the table was dropped.
    """
    if version.table_storage is not None and version.table_name is not None:
        with _piece(job, KeptTable.named(version.table_storage, version.table_name), stored) as found:
            yield found
        return
    storage = job.resources.storages.open(version.storage)
    _check(job, storage, stored)
    with open_rows(storage, stored["key"]) as file:
        yield file.schema_arrow, (file.read_row_group(group) for group in range(file.num_row_groups))


def changed(stored: dict[str, Any]) -> ObjectChanged:
    """What is raised when a part is not what its manifest row says."""
    return ObjectChanged(
        f"the bytes of {stored['path']!r} are not those that were imported", key=stored["key"]
    )


@contextmanager
def _piece(job: JobContext, table: KeptTable, stored: dict[str, Any]) -> Iterator[Part]:
    tables = job.open_tables(table.storage)
    partition = tables.part_partition(number_of_piece(stored["key"]))
    batches = _watched(job, tables.read_partition(table.name, partition))
    try:
        first = next(batches)
        yield first.schema, row_groups(chain([first], batches), size_bytes=GROUP_BYTES)
    finally:
        batches.close()  # lets the server go


def _watched(job: JobContext, batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
    for batch in batches:
        job.check()
        yield batch


def _check(job: JobContext, storage: Storage, stored: dict[str, Any]) -> None:
    """Read the part once more than its rows need, as every file of an archive is compared. Raises: ObjectChanged."""
    value = 0
    for piece in ObjectSource(storage, stored["key"]).stream():
        job.check()
        value = crc32(piece, value)
    if value != stored["crc32"]:
        raise changed(stored)
