"""The storage's own area: the directory under the root that file system adapters reserve for themselves."""

from datetime import timedelta

from storage_adapters.errors import InvalidKey, UploadMissing
from storage_adapters.object_storage.keys import check_key

RESERVED = ".datacenter"
STAGING = f"{RESERVED}/staging"
"""Objects that are being written; a finished one is renamed to its key, so a reader sees it whole or not at all."""
UPLOADS = f"{RESERVED}/uploads"
"""One directory per upload in parts, named by its id."""
ABANDONED_AFTER = timedelta(days=1)
"""A file in the staging area of this age belongs to a writer that was killed."""


def is_reserved(path: str) -> bool:
    """Whether the path lies in the storage's own area."""
    return path.startswith(RESERVED) and (path + "/").startswith(f"{RESERVED}/")


def check_object_key(key: str) -> str:
    """Return the key if an object may have it. Raises: InvalidKey: it is not valid, or lies in the storage's own area."""
    check_key(key)
    if is_reserved(key):
        raise InvalidKey(f"Keys under {RESERVED}/ belong to the storage: choose another name.", key=key)
    return key


def upload_directory(upload_id: str) -> str:
    """The directory of an upload, relative to the root. Raises: UploadMissing: the id was not made here."""
    if len(upload_id) != 32 or not upload_id.isalnum() or not upload_id.isascii():
        raise UploadMissing("There is no such upload.")
    return f"{UPLOADS}/{upload_id}"
