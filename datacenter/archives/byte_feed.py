"""Take exact numbers of bytes from a stream of chunks of any size."""

from collections.abc import Iterator

from datacenter.archives.errors import ArchiveRejected

_SLICE_BYTES = 256 * 1024


def slices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at most 256 KiB, because decompressors copy their unused input at every call."""
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE_BYTES):
            yield chunk[start : start + _SLICE_BYTES]


class ByteFeed:
    """Holds one chunk, or the bytes of one request if they span several."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._view = memoryview(b"")
        self._position = 0

    def take(self, length: int) -> memoryview:
        """Exactly `length` bytes; the view keeps its chunk alive.

        Raises:
            ArchiveRejected: CORRUPT, the stream ends earlier.
        """
        stop = self._position + length
        if stop <= len(self._chunk):
            data = self._view[self._position : stop]
            self._position = stop
            return data
        pieces = []
        left = length
        while left:
            piece = self.some(left)
            if not piece:
                raise ArchiveRejected("CORRUPT", "the archive is cut off; upload it again")
            pieces.append(piece)
            left -= len(piece)
        return memoryview(b"".join(pieces))

    def some(self, max_bytes: int) -> memoryview:
        """At least one byte and at most `max_bytes`, without copying; empty at the end."""
        while self._position == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._chunk, self._view, self._position = chunk, memoryview(chunk), 0
        stop = min(self._position + max_bytes, len(self._chunk))
        data = self._view[self._position : stop]
        self._position = stop
        return data
