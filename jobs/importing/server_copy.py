"""Copy one large object within a storage, whose bytes never pass through the worker."""

from collections.abc import Iterator

from jobs.contract import JobContext
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import ByteRange, Storage

COPY_BYTES = 256 << 20
"""What a storage copies well within the time in which a shard has to show progress."""


def copy_on_server(job: JobContext, storage: Storage, source: str, target: str, size_bytes: int) -> None:
    """Copy an object of this size, in one call or in parts, with a sign of life for each.

    Raises: ObjectMissing; ObjectChanged, it is shorter than it was, or no longer than one call copies and of another size.
    """
    job.check()
    if size_bytes > COPY_BYTES:
        _copy_in_parts(job, storage, source, target, size_bytes)
    elif storage.copy(source, target).size_bytes != size_bytes:
        raise ObjectChanged("The object has another size than when the import was planned.", key=source)
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
    """The object in as many pieces as an upload may have parts, at most."""
    capabilities = storage.capabilities
    length = max(COPY_BYTES, capabilities.minimum_part_bytes, -(-size_bytes // capabilities.maximum_parts))
    for offset in range(0, size_bytes, length):
        yield ByteRange(key=key, offset=offset, length=min(length, size_bytes - offset))
