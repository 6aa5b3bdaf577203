"""Layout: where an HDFS storage keeps objects, and its own area that no listing shows."""

from secrets import token_hex

from storage_adapters.errors import InvalidKey
from storage_adapters.keys import check_key

RESERVED = ".datacenter"
STAGING = f"{RESERVED}/staging"
"""Objects being written; a finished one leaves by rename, so a reader sees it whole or not at all."""
UPLOADS = f"{RESERVED}/uploads"
"""One directory per upload in parts, named by its id."""


class Layout:
    """Paths under the root of one storage."""

    def __init__(self, root: str) -> None:
        self.root = root

    def object_path(self, key: str) -> str:
        """Where the object of the key lies.

        Raises:
            InvalidKey: the key is not one, holds a colon, or lies in the storage's own area.
        Source: DFSUtil.isValidName refuses `:`; a segment has at most 255 bytes (dfs.namenode.fs-limits).
        """
        check_key(key)
        if ":" in key:
            raise InvalidKey("HDFS allows no ':' in a name.", key=key)
        if is_reserved(key):
            raise InvalidKey(f"Keys under {RESERVED}/ belong to the storage.", key=key)
        return f"{self.root}/{key}"

    def directory_path(self, directory: str) -> str:
        """Where a directory of keys lies; `""` is the root."""
        return f"{self.root}/{directory}" if directory else self.root

    def new_staging_path(self) -> str:
        """A path that nobody else writes to."""
        return f"{self.root}/{STAGING}/{token_hex(16)}"


def is_reserved(path: str) -> bool:
    """Whether the path lies in the storage's own area."""
    return path.startswith(RESERVED) and (path + "/").startswith(f"{RESERVED}/")
