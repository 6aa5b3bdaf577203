"""One verified file of an archive."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class MemberChunks(Iterator[bytes], Protocol):
    """The bytes of a large member in order; the checks are complete when the iterator is exhausted."""

    @property
    def crc32(self) -> int:
        """The CRC-32 of the bytes yielded so far."""
        ...


class Member(NamedTuple):
    """A file with its bytes: small ones whole in `data`, large ones in `chunks`, never both.

    `index` is the row of the slice that was read (zip) or the number of the file in the archive (tar). The
    chunks must be used up before the next member is requested; the rest of them is skipped, but verified, then.
    A named tuple, because one is made for every file of every import.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which no caller needs
    path: str
    size_bytes: int
    known_crc32: int | None
    data: bytes | memoryview | None
    chunks: MemberChunks | None

    @property
    def crc32(self) -> int:
        """The CRC-32 of the content; of a large member of a tar it is known when its chunks are used up."""
        if self.known_crc32 is not None:
            return self.known_crc32
        assert self.chunks is not None, "a member without a CRC has chunks"
        return self.chunks.crc32
