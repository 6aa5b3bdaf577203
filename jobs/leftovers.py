"""Leftovers: uploads that were begun under a prefix and that nobody will complete."""

from storage_adapters.contract import Storage


def abort_uploads(storage: Storage, prefix: str) -> None:
    """Abort every upload under the prefix; what a killed writer began is gone with it."""
    for upload in storage.list_uploads(prefix):
        storage.abort_upload(upload.key, upload.upload_id)
