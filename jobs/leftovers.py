"""Leftovers: uploads that nobody will complete, and objects that are part of nothing."""

from collections.abc import Iterable

from storage_adapters.contract import DeleteOutcome, Storage


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
