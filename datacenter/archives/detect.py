"""The format of an archive, from its content."""

from typing import Literal, TypeAlias

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.tar.header import BLOCK, has_checksum

ArchiveFormat: TypeAlias = Literal["zip", "tar", "tar.gz", "tar.zst"]

_MAGICS: tuple[tuple[bytes, ArchiveFormat], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "tar.gz"),
    (b"\x28\xb5\x2f\xfd", "tar.zst"),
)
_USTAR = slice(257, 262)


def detect_format(head: bytes, filename: str) -> ArchiveFormat:
    """The format of an archive from its first 512 bytes (or fewer, if it is shorter).

    The file name decides only if the content is not clear: a zip may (wrongly) have data before it, and a tar may
    be cut off in its first block; both are rejected later with a better reason.

    Raises:
        ArchiveRejected: BAD_ARCHIVE.
    """
    for magic, archive_format in _MAGICS:
        if head.startswith(magic):
            return archive_format
    block = head[:BLOCK]
    if head[_USTAR] == b"ustar" or (len(block) == BLOCK and (has_checksum(block) or not any(block))):
        return "tar"
    if head and filename.lower().endswith(".zip"):
        return "zip"
    if head and filename.lower().endswith(".tar"):
        return "tar"
    raise ArchiveRejected("BAD_ARCHIVE", "this is not an archive; use zip, tar, tar.gz or tar.zst")
