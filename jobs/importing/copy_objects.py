"""Copy objects from a source into a dataset, with their CRC-32: small ones many at a time, large ones as streams."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datacenter.archives.crc import crc32
from jobs.contract import JobContext
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import ByteRange, NewObject, Storage
from storage_adapters.object_storage.streaming import put_stream, read_stream

LARGE_BYTES = 4 << 20
READ_BYTES = 4 << 20


class Copy(NamedTuple):
    """An object and the key of its copy."""

    source_key: str
    target_key: str
    size_bytes: int


def copy_objects(
    job: JobContext, source: Storage, target: Storage, copies: list[Copy], *, is_same: bool
) -> list[int]:
    """Copy every object; returns the CRC-32 of each, in the order of the copies.

    The manifest needs the CRC, so every byte has to be read once in any case. A small object is then in memory already:
    to put it is one request, as a copy on the server would be, but with many in flight. A large object within one
    storage is first copied by the server, which saves sending it, and the copy is read instead of the source: so the CRC
    is that of the stored bytes, even if the source changes meanwhile.

    Raises:
        ObjectMissing, ObjectChanged: an object is gone, or shorter than planned. One that grew, or has other bytes, is
            copied as it is: the caller compares tags.
        StorageError: the error of the first failed copy.
    """
    large_from = min(LARGE_BYTES, job.resources.settings.shards.size_bytes)
    by_server = is_same and target.capabilities.server_side_copy and target.capabilities.multipart
    crcs = _copy_small(job, source, target, (copy for copy in copies if copy.size_bytes <= large_from))
    for copy in copies:
        if copy.size_bytes <= large_from:
            continue
        if by_server:
            source.stat(copy.source_key)  # as a source: the target itself may read everything
            copy_on_server(job, target, copy.source_key, copy.target_key, copy.size_bytes)
            crcs[copy.target_key] = _crc_of(job, target, copy.target_key, copy.size_bytes)
        else:
            crcs[copy.target_key] = _stream(job, source, target, copy)
        job.report(files=1)
    return [crcs[copy.target_key] for copy in copies]


def _copy_small(job: JobContext, source: Storage, target: Storage, copies: Iterable[Copy]) -> dict[str, int]:
    """Reads and puts run in parallel, each in its own storage's window; returns the CRCs by target key."""
    crcs: dict[str, int] = {}

    def contents() -> Iterator[NewObject]:
        for copy, data in _read(source, list(copies)):
            crcs[copy.target_key] = crc32(data)
            yield NewObject(key=copy.target_key, data=data)

    for outcome in target.put_many(contents()):
        if outcome.error is not None:
            raise outcome.error
        job.report(files=1, size_bytes=outcome.size_bytes)
    return crcs


def _read(source: Storage, copies: list[Copy]) -> Iterator[tuple[Copy, bytes]]:
    """Every object as a whole. Empty ones are not read; the caller checks that they still exist."""
    filled = [copy for copy in copies if copy.size_bytes]
    ranges = (ByteRange(key=copy.source_key, offset=0, length=copy.size_bytes) for copy in filled)
    yield from zip(filled, source.read_ranges(ranges), strict=True)
    yield from ((copy, b"") for copy in copies if not copy.size_bytes)


def _stream(job: JobContext, source: Storage, target: Storage, copy: Copy) -> int:
    """Copy a large object in pieces through memory; returns its CRC."""
    crc = 0

    def pieces() -> Iterator[bytes]:
        nonlocal crc
        for piece in read_stream(source, copy.source_key, 0, copy.size_bytes, chunk_bytes=READ_BYTES):
            crc = crc32(piece, crc)
            job.report(size_bytes=len(piece))
            yield piece

    put_stream(target, copy.target_key, pieces())
    return crc


def _crc_of(job: JobContext, storage: Storage, key: str, size_bytes: int) -> int:
    crc = 0
    for piece in read_stream(storage, key, 0, size_bytes, chunk_bytes=READ_BYTES):
        crc = crc32(piece, crc)
        job.report(size_bytes=len(piece))
    return crc


COPY_BYTES = 256 << 20
"""A storage copies this much well within the time in which a shard has to report progress."""


def copy_on_server(job: JobContext, storage: Storage, source: str, target: str, size_bytes: int) -> None:
    """Copy an object of this size, in one call or in parts, with a progress check for each.

    Raises: ObjectMissing; ObjectChanged if it is shorter than planned, or if one call copied it and the size differs.
    """
    job.check()
    if size_bytes > COPY_BYTES:
        _copy_in_parts(job, storage, source, target, size_bytes)
    elif storage.copy(source, target).size_bytes != size_bytes:
        raise ObjectChanged("The object's size changed after the import was planned.", key=source)
    job.check()


def _copy_in_parts(job: JobContext, storage: Storage, source: str, target: str, size_bytes: int) -> None:
    upload_id = storage.begin_upload(target)
    parts = []
    try:
        for number, piece in enumerate(_ranges(storage, source, size_bytes), start=1):
            parts.append(storage.copy_part(target, upload_id, number, piece.offset, piece))
            job.check()
        storage.complete_upload(target, upload_id, parts)
    except BaseException:
        storage.abort_upload(target, upload_id)
        raise


def _ranges(storage: Storage, key: str, size_bytes: int) -> Iterator[ByteRange]:
    """The object's byte ranges, at most as many as an upload may have parts."""
    capabilities = storage.capabilities
    length = max(COPY_BYTES, capabilities.minimum_part_bytes, -(-size_bytes // capabilities.maximum_parts))
    for offset in range(0, size_bytes, length):
        yield ByteRange(key=key, offset=offset, length=min(length, size_bytes - offset))
