"""Copying: within the bucket, by the storage itself, in parts if the object is too long for one request."""

from collections.abc import Iterator

from storage_adapters.object_storage.batches import run_batches
from storage_adapters.object_storage.contract import ByteRange, ObjectInfo, Part
from storage_adapters.object_storage.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import translated
from storage_adapters.s3.objects import stat_object
from storage_adapters.s3.uploads import abort_upload, begin_upload, complete_upload, copy_part

MAX_COPY_BYTES = 5 * 1024**3
"""Source: S3's CopyObject copies no more."""
PART_BYTES = 1024**3
PARTS_AT_ONCE = 4


def copy_object(clients: Clients, source: str, target: str) -> ObjectInfo:
    """Copy the object; a copy onto itself changes nothing. Raises: ObjectMissing."""
    check_key(target)
    found = stat_object(clients, source)
    if source == target:
        return found
    if found.size_bytes > MAX_COPY_BYTES:
        return _copy_in_parts(clients, found, target)
    to = clients.connection
    with translated(source):
        clients.boto.copy_object(
            Bucket=to.bucket,
            Key=to.name(target),
            CopySource={"Bucket": to.bucket, "Key": to.name(source)},
        )
    return stat_object(clients, target)


def _copy_in_parts(clients: Clients, source: ObjectInfo, target: str) -> ObjectInfo:
    upload_id = begin_upload(clients, target)

    def copy(batch: list[tuple[int, int]]) -> list[Part]:
        return [
            copy_part(
                clients,
                target,
                upload_id,
                number,
                offset,
                ByteRange(key=source.key, offset=offset, length=min(PART_BYTES, source.size_bytes - offset)),
            )
            for number, offset in batch
        ]

    try:
        parts = list(run_batches(copy, _starts(source.size_bytes), threads=PARTS_AT_ONCE))
        return complete_upload(clients, target, upload_id, parts)
    except BaseException:
        abort_upload(clients, target, upload_id)
        raise


def _starts(size_bytes: int) -> Iterator[list[tuple[int, int]]]:
    """Batches of one: each part's number and offset."""
    for number, offset in enumerate(range(0, size_bytes, PART_BYTES), start=1):
        yield [(number, offset)]
