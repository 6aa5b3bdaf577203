"""Leftovers: uploads that nobody will complete, and objects that are part of nothing."""

from storage_adapters.contract import Storage


def abort_uploads(storage: Storage, prefix: str) -> None:
    """Abort every upload under the prefix; what a killed writer began is gone with it."""
    for upload in storage.list_uploads(prefix):
        storage.abort_upload(upload.key, upload.upload_id)


def remove(storage: Storage, keys: list[str]) -> None:
    """Delete some objects. Raises: StorageError, one of them could not be deleted."""
    for outcome in storage.delete(keys):
        if outcome.error is not None:
            raise outcome.error
