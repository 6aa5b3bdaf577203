"""Push-down: the engine writes a result as Parquet into the staging directory, and that is read in parallel.

Results go from the engine's workers to the storage without passing through the one server, and keep their types.
The directory is removed afterwards, also after an error; directories of killed processes are removed before a later
result is written, once nothing in them has changed for seven days.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from storage_adapters.errors import ObjectMissing, PermissionDenied, StorageError, TableChanged
from storage_adapters.hive.catalog import quote_name
from storage_adapters.hive.columns import Column, schema_of
from storage_adapters.hive.rows import as_field
from storage_adapters.hive.session import Session
from storage_adapters.hive.staging import StagingDirectory, as_staging_options
from storage_adapters.object_storage.batches import run_batches
from storage_adapters.object_storage.contract import Storage
from storage_adapters.table_storage.source import Source

DIRECTORY_PREFIX = "datacenter-pushdown-"
ABANDONED_AFTER = timedelta(days=7)
_THREADS = 4


def read_pushed_down(
    session: Session, staging: StagingDirectory, source: Source, columns: list[Column], where: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source. Memory holds a few row groups, which the engine is set to keep small.

    Raises:
        ValueUnsupported: a column's type cannot hold a value.
        StorageError: the staging directory cannot be read, or removed.
    """
    with _directory(staging) as name:
        select = f"SELECT {_columns(session, columns)} FROM {source.sql} {where}"
        target = f"'{staging.engine_url}/{name}'"
        session.run(f"INSERT OVERWRITE DIRECTORY {target} {session.engine.directory} {select}")
        session.limit(0)  # the engine has nothing more to do
        schema = schema_of(columns)

        def read(groups: list[tuple[str, pq.FileMetaData, int]]) -> list[pa.RecordBatch]:
            (key, metadata, number), *_ = groups
            with (
                _permitted(),
                staging.storage.fs.open(key) as file,
                pq.ParquetFile(file, metadata=metadata) as parquet,
            ):
                return _typed(source, schema, parquet.read_row_group(number, use_threads=False))

        groups = ([group] for group in _row_groups(staging.storage, f"{name}/"))
        yield from run_batches(read, groups, threads=_THREADS, begin_alone=False)


def _columns(session: Session, columns: list[Column]) -> str:
    """The columns under plain names: not every engine can write every name to Parquet."""
    as_text = session.engine.pushed_as_text
    expressions = (
        f"CAST({name} AS STRING)" if column.type_name in as_text else name
        for column, name in ((column, quote_name(column.field.name)) for column in columns)
    )
    return ", ".join(f"{expression} AS c{number}" for number, expression in enumerate(expressions))


def _row_groups(storage: Storage, prefix: str) -> Iterator[tuple[str, pq.FileMetaData, int]]:
    for found in storage.list_objects(prefix):
        # Beside the files are the engine's marker `_SUCCESS`, and unfinished files in `_temporary`.
        if any(segment.startswith(("_", ".")) for segment in found.key.removeprefix(prefix).split("/")):
            continue
        if not found.size_bytes:
            continue
        with _permitted(), storage.fs.open(found.key) as file:
            metadata = pq.read_metadata(file)
        for number in range(metadata.num_row_groups):
            yield found.key, metadata, number


@contextmanager
def _permitted() -> Iterator[None]:
    """Report unreadable files of the engine as such: as an OSError it would look like a broken connection."""
    try:
        yield
    except PermissionError as error:
        raise PermissionDenied(
            as_staging_options(
                f"The engine's result cannot be read: {error}. Give the staging storage's user the right to read it."
            )
        ) from error


def _typed(source: Source, schema: pa.Schema, table: pa.Table) -> list[pa.RecordBatch]:
    if table.num_columns != len(schema):
        raise TableChanged(f"The columns of {source.title} changed while it was read: read it again.")
    return [
        pa.RecordBatch.from_arrays(
            [
                as_field(source.title, field, array)
                for field, array in zip(schema, batch.columns, strict=True)
            ],
            schema=schema,
        )
        for batch in table.combine_chunks().to_batches()
    ]


@contextmanager
def _directory(staging: StagingDirectory) -> Iterator[str]:
    """A unique directory name in the staging directory; the directory is removed afterwards."""
    with suppress(StorageError):  # a failure is no reason not to read
        _remove_abandoned(staging.storage, datetime.now(UTC) - ABANDONED_AFTER)
    name = f"{DIRECTORY_PREFIX}{uuid4().hex}"
    try:
        yield name
    except BaseException:
        with suppress(StorageError):
            _remove(staging.storage, name)
        raise
    _remove(staging.storage, name)


def _remove_abandoned(storage: Storage, before: datetime) -> None:
    """Remove what killed processes left. Empty directories, which are not objects, stay."""
    stored = storage.list_objects(DIRECTORY_PREFIX)
    for name, found in groupby(stored, lambda info: info.key.partition("/")[0]):
        if all(info.modified_at < before for info in found):
            _remove(storage, name)


def _remove(storage: Storage, name: str) -> None:
    for failed in storage.delete_prefix(f"{name}/"):
        for outcome in failed:
            if outcome.error is not None and not isinstance(outcome.error, ObjectMissing):
                raise outcome.error
