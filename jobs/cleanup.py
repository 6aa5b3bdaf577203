"""Cleanup: remove uploads that will not be completed, objects that nothing refers to, and tables without a dataset."""

from collections.abc import Iterable

from datacenter.datasets.tables.kept import KeptTable
from storage_adapters.object_storage.contract import DeleteOutcome, Storage
from storage_adapters.table_storage.contract import TableStorage


def abort_uploads(storage: Storage, prefix: str) -> None:
    """Abort every upload under the prefix, also those of killed writers."""
    for upload in storage.list_uploads(prefix):
        storage.abort_upload(upload.key, upload.upload_id)


def remove(storage: Storage, keys: list[str]) -> None:
    """Delete some objects. Raises: StorageError if one of them could not be deleted."""
    raise_first(storage.delete(keys))


def raise_first(outcomes: Iterable[DeleteOutcome]) -> None:
    """Raise the error of the first failed outcome, if any. Raises: StorageError."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def drop_kept(tables: TableStorage, table: KeptTable) -> None:
    """Abort the write of a kept table, and drop it; a missing table counts as dropped.

    In this order: a job that publishes it at the same time does so before the abort, or has nothing left to publish.
    """
    tables.abort_write(table.name, table.write_id)
    tables.drop_table(table.name)
