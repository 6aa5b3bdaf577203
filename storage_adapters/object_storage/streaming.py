"""Streaming: whole objects of any size to and from a storage, with a bounded piece of them in memory."""

from collections.abc import Iterable, Iterator
from itertools import chain

from storage_adapters.object_storage.contract import Buffer, ByteRange, NewObject, ObjectInfo, Part, Storage

PART_BYTES = 8 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024


def put_stream(
    storage: Storage, key: str, chunks: Iterable[Buffer], *, part_bytes: int = PART_BYTES
) -> ObjectInfo:
    """Store the chunks under the key as one object that appears whole or not at all.

    Holds at most two parts and a chunk in memory; parts double in size after every tenth of the storage's
    largest number of parts, so that no object is too long. What fits into one part is a single put; more is
    an upload in parts, or in a single one that is streamed where the storage would write parts twice. The upload
    is aborted if the chunks or the storage raise.

    Raises:
        StorageError: the put or a part failed.
    """
    parts = _gather(chunks, storage, part_bytes)
    first = next(parts, [])
    second = next(parts, None)
    if second is None:
        return _put_whole(storage, key, b"".join(first))
    uploaded: Iterator[Iterable[bytes]] = chain((first, second), parts)
    if storage.capabilities.rewrites_parts:
        uploaded = iter([chain.from_iterable(uploaded)])
    upload_id = storage.begin_upload(key)
    finished: list[Part] = []
    offset = 0
    try:
        for number, pieces in enumerate(uploaded, start=1):
            finished.append(storage.upload_part(key, upload_id, number, offset, pieces))
            offset += finished[-1].length
        return storage.complete_upload(key, upload_id, finished)
    except BaseException:
        storage.abort_upload(key, upload_id)
        raise


def read_stream(
    storage: Storage, key: str, offset: int = 0, length: int | None = None, *, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[bytes]:
    """Yield `length` bytes of the object from `offset`, or all that follow it, in pieces of `chunk_bytes`.

    The pieces are separate reads, fetched ahead: an object that is replaced meanwhile may come out mixed.

    Raises:
        ObjectMissing, ObjectChanged: as `Storage.read_ranges`.
    """
    end = storage.stat(key).size_bytes if length is None else offset + length
    return storage.read_ranges(
        ByteRange(key=key, offset=start, length=min(chunk_bytes, end - start))
        for start in range(offset, end, chunk_bytes)
    )


def _gather(chunks: Iterable[Buffer], storage: Storage, part_bytes: int) -> Iterator[list[bytes]]:
    """Group the chunks into parts that the storage accepts; only the last may be smaller."""
    capabilities = storage.capabilities
    wanted = max(part_bytes, capabilities.minimum_part_bytes)
    doubling = max(1, capabilities.maximum_parts // 10)
    pieces: list[bytes] = []
    size = made = 0
    for chunk in chunks:
        # A producer may reuse its buffer for the next chunk; bytes cannot change.
        piece = chunk if isinstance(chunk, bytes) else bytes(chunk)
        pieces.append(piece)
        size += len(piece)
        if size >= wanted << (made // doubling):
            yield pieces
            pieces, size, made = [], 0, made + 1
    if pieces:
        yield pieces


def _put_whole(storage: Storage, key: str, data: bytes) -> ObjectInfo:
    """Put one object and raise what the outcome carries."""
    for outcome in storage.put_many([NewObject(key=key, data=data)]):
        if outcome.error is not None:
            raise outcome.error
    return storage.stat(key)
