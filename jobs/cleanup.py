"""Leftovers: uploads that nobody will complete, objects that are part of nothing, and tables of no dataset."""

from collections.abc import Iterable

from datacenter.datasets.tables.kept import KeptTable
from storage_adapters.object_storage.contract import DeleteOutcome, Storage
from storage_adapters.table_storage.contract import TableStorage


def abort_uploads(storage: Storage, prefix: str) -> None:
    """Abort every upload under the prefix; what a killed writer began is gone with it."""
    for upload in storage.list_uploads(prefix):
        storage.abort_upload(upload.key, upload.upload_id)


def remove(storage: Storage, keys: list[str]) -> None:
    """Delete some objects. Raises: StorageError, one of them could not be deleted."""
    raise_first(storage.delete(keys))


def raise_first(outcomes: Iterable[DeleteOutcome]) -> None:
    """Raises: StorageError, the first of the outcomes that failed."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def drop_kept(tables: TableStorage, table: KeptTable) -> None:
    """Forget what was written of a table of ours, and drop it; what is not there counts as dropped.

    In this order: whoever publishes it at the same time does so before the one, or finds nothing to publish.
    """
    tables.abort_write(table.name, table.write_id)
    tables.drop_table(table.name)
