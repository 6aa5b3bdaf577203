"""The source of an archive's bytes: anything that can be read at an offset."""

from typing import Protocol

from datacenter.archives.errors import ArchiveRejected


class ByteSource(Protocol):
    """An archive of a known size, wherever it is stored."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; fewer only if the archive ends early."""
        ...


def read_exactly(source: ByteSource, offset: int, length: int) -> bytes:
    """Read a range that must exist.

    Raises:
        ArchiveRejected: CORRUPT, the source ended before the range did.
    """
    data = source.read(offset, length) if length else b""
    if len(data) != length:
        raise ArchiveRejected(
            "CORRUPT",
            f"the archive ends at byte {offset + len(data)}, but should have {offset + length} or more; upload it again",
        )
    return data
