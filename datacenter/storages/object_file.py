"""Objects as files: for libraries with random access, and for writers that do not know the size in advance."""

import io
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from storage_adapters.object_storage.contract import Buffer, ByteRange, NewObject, Part, Storage

READ_BYTES = 4 << 20
PART_BYTES = 8 << 20


class ObjectSource:
    """An object that can be read at any offset; the source of an archive."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key
        self.info = storage.stat(key)
        """The object when it was opened: a long read compares it with the object at the end."""
        self.size_bytes = self.info.size_bytes

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer only at the object's end."""
        length = min(length, self.size_bytes - offset)
        if length <= 0:
            return b""
        return b"".join(self._storage.read_ranges([ByteRange(key=self._key, offset=offset, length=length)]))

    def stream(self, chunk_bytes: int = READ_BYTES) -> Iterator[bytes]:
        """The whole object in order, prefetched."""
        return self._storage.read_ranges(
            ByteRange(key=self._key, offset=start, length=min(chunk_bytes, self.size_bytes - start))
            for start in range(0, self.size_bytes, chunk_bytes)
        )


class ObjectReader(io.RawIOBase):
    """An object as a seekable file, for Parquet."""

    def __init__(self, storage: Storage, key: str) -> None:
        super().__init__()
        self._source = ObjectSource(storage, key)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        length = self._source.size_bytes if size is None or size < 0 else size
        data = self._source.read(self._position, length)
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        return self.read()


class ObjectWriter:
    """An object that is written sequentially; it appears whole when closed, or not at all."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key
        self._part_bytes = max(PART_BYTES, storage.capabilities.minimum_part_bytes)
        self._pieces: list[bytes] = []
        self._buffered_bytes = 0
        self._parts: list[Part] = []
        self._upload_id: str | None = None
        self.closed = False
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, data: Buffer) -> int:
        """Buffer bytes; each full part is sent to the storage."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._buffered_bytes += len(piece)
        self.size_bytes += len(piece)
        if self._buffered_bytes >= self._part_bytes:
            self._send()
        return len(piece)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size_bytes

    def flush(self) -> None:
        """Does nothing: an object is never published in part."""

    def close(self) -> None:
        """Publish the object. Raises: StorageError."""
        if self.closed:
            return
        try:
            self._publish()
        except BaseException:
            self.abort()
            raise
        self.closed = True

    def _publish(self) -> None:
        if self._upload_id is None:
            whole = NewObject(key=self._key, data=b"".join(self._pieces))
            for outcome in self._storage.put_many([whole]):
                if outcome.error is not None:
                    raise outcome.error
            return
        if self._pieces:
            self._send()
        self._storage.complete_upload(self._key, self._upload_id, self._parts)

    def abort(self) -> None:
        """Discard everything that was written."""
        if not self.closed and self._upload_id is not None:
            self._storage.abort_upload(self._key, self._upload_id)
        self.closed = True

    def _send(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._storage.begin_upload(self._key)
        offset = self.size_bytes - self._buffered_bytes
        number = len(self._parts) + 1
        self._parts.append(
            self._storage.upload_part(self._key, self._upload_id, number, offset, self._pieces)
        )
        self._pieces, self._buffered_bytes = [], 0
