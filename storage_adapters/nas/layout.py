"""Layout: where a NAS storage keeps objects, and its own area that no listing shows."""

from storage_adapters.errors import InvalidKey
from storage_adapters.keys import check_key

RESERVED = ".datacenter"
STAGING = f"{RESERVED}/staging"
"""Objects being written; a finished one leaves by rename, so a reader sees it whole or not at all."""
UPLOADS = f"{RESERVED}/uploads"
"""One directory per upload in parts, named by its id."""


def split_key(key: str) -> tuple[str, str]:
    """The directory and the name of an object.

    Raises:
        InvalidKey: the key is not one, or lies in the storage's own area.
    """
    check_key(key)
    directory, _, name = key.rpartition("/")
    if is_reserved(key):
        raise InvalidKey(f"Keys under {RESERVED}/ belong to the storage.", key=key)
    return directory, name


def is_reserved(path: str) -> bool:
    """Whether the path lies in the storage's own area."""
    return path.startswith(RESERVED) and (path + "/").startswith(f"{RESERVED}/")
