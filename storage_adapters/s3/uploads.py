"""Uploads: S3's multipart uploads, whose parts any process may send."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

from botocore.exceptions import ClientError

from storage_adapters.errors import ObjectChanged, ObjectMissing, UploadInvalid, UploadMissing
from storage_adapters.object_storage.completion import completed_before, total_length
from storage_adapters.object_storage.contract import (
    Buffer,
    ByteRange,
    ObjectInfo,
    Part,
    PendingUpload,
    SentPart,
)
from storage_adapters.object_storage.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import translated
from storage_adapters.s3.objects import sign, stat_object

MINIMUM_PART_BYTES = 5 * 1024 * 1024
MAXIMUM_PART_BYTES = 5 * 1024 * 1024 * 1024
MAXIMUM_PARTS = 10_000


def begin_upload(clients: Clients, key: str) -> str:
    """Begin an upload and return the id that the storage gave it."""
    to = clients.connection
    name = to.name(check_key(key))
    with translated(key):
        return clients.boto.create_multipart_upload(Bucket=to.bucket, Key=name)["UploadId"]


def write_part(
    clients: Clients, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
) -> Part:
    """Send one part, collected in memory because its length is sent first. Raises: UploadMissing."""
    to = clients.connection
    name = _name_for(clients, key, upload_id, number)
    body = bytearray()  # one copy only: chunks and their join would be the part twice
    for chunk in chunks:
        body += chunk
    with translated(key):
        answer = clients.boto.upload_part(
            Bucket=to.bucket,
            Key=name,
            UploadId=upload_id,
            PartNumber=number,
            Body=body,  # type: ignore[arg-type]  # botocore takes a bytearray, its stubs do not know
        )
    return Part(number=number, offset=offset, length=len(body), tag=answer["ETag"])


def presign_part(
    clients: Clients, key: str, upload_id: str, number: int, length: int, expires_in: timedelta
) -> str:
    """A presigned URL to PUT the part. The length is signed, so the storage refuses any other. Raises: UploadInvalid."""
    to = clients.connection
    name = _name_for(clients, key, upload_id, number)
    if not 0 <= length <= MAXIMUM_PART_BYTES:
        raise UploadInvalid(f"A part has at most {MAXIMUM_PART_BYTES} bytes: send a smaller one.", key=key)
    subject = {"Bucket": to.bucket, "Key": name, "UploadId": upload_id}
    return sign(clients, "upload_part", subject | {"PartNumber": number, "ContentLength": length}, expires_in)


def list_parts(clients: Clients, key: str, upload_id: str, after: int = 0) -> Iterator[SentPart]:
    """The parts that the storage has of the upload, by number. Raises: UploadMissing."""
    to = clients.connection
    name = _name_for(clients, key, upload_id, after + 1)
    more = True
    while more:
        try:
            with translated(key):
                page = clients.boto.list_parts(
                    Bucket=to.bucket, Key=name, UploadId=upload_id, PartNumberMarker=after
                )
        except ObjectMissing as error:  # RGW's answer
            raise UploadMissing("There is no such upload.", key=key) from error
        for part in page.get("Parts", []):
            yield SentPart(number=part["PartNumber"], length=part["Size"], tag=part["ETag"])
        more, after = page["IsTruncated"], page["NextPartNumberMarker"]


def copy_part(
    clients: Clients, key: str, upload_id: str, number: int, offset: int, source: ByteRange
) -> Part:
    """Have the storage copy the range. Raises: UploadMissing, ObjectMissing, ObjectChanged."""
    to = clients.connection
    name = _name_for(clients, key, upload_id, number)
    # Servers differ in their answer to a range beyond the end, so check it first.
    size = stat_object(clients, source.key).size_bytes
    if source.offset + source.length > size:
        raise ObjectChanged(f"The object ends at {size}, before the range does.", key=source.key)
    with translated(key):
        answer = clients.boto.upload_part_copy(
            Bucket=to.bucket,
            Key=name,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": to.bucket, "Key": to.name(source.key)},
            CopySourceRange=f"bytes={source.offset}-{source.offset + source.length - 1}",
        )
    return Part(number=number, offset=offset, length=source.length, tag=answer["CopyPartResult"]["ETag"])


def complete_upload(clients: Clients, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
    """Publish the object if the parts follow one another, only the last is small, and the storage has them all.

    The storage's list of parts comes first: RGW 16 answers the completion of an unknown upload with a 500.
    """
    wanted = sorted(parts, key=lambda part: part.number)
    if len(wanted) > MAXIMUM_PARTS:
        raise UploadInvalid(f"An upload has at most {MAXIMUM_PARTS} parts.", key=key)
    size = total_length(wanted, key, minimum_part_bytes=MINIMUM_PART_BYTES)
    try:
        if not wanted:  # S3 makes no object from no parts, but one from an empty part
            wanted = [write_part(clients, key, upload_id, 1, 0, [])]
        sent = {part.number: part for part in list_parts(clients, key, upload_id)}
        _complete(clients, key, upload_id, [_confirmed(part, sent, key) for part in wanted])
    except UploadMissing:
        return completed_before(key, size, partial(stat_object, clients))
    return stat_object(clients, key)


def abort_upload(clients: Clients, key: str, upload_id: str) -> None:
    """Have the storage discard the upload; an unknown one counts as aborted."""
    to = clients.connection
    name = to.name(check_key(key))
    if not upload_id:
        return
    with translated(key):
        try:
            clients.boto.abort_multipart_upload(Bucket=to.bucket, Key=name, UploadId=upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchUpload", "404"):
                raise


def list_uploads(clients: Clients, prefix: str) -> Iterator[PendingUpload]:
    """Every upload whose key starts with the prefix."""
    to = clients.connection
    pages = clients.boto.get_paginator("list_multipart_uploads").paginate(
        Bucket=to.bucket, Prefix=to.name(prefix)
    )
    with translated():
        for page in pages:
            for found in page.get("Uploads", []):
                yield PendingUpload(
                    key=to.key(found["Key"]), upload_id=found["UploadId"], started_at=found["Initiated"]
                )


def _name_for(clients: Clients, key: str, upload_id: str, number: int) -> str:
    """The object's name, once the part's upload and number are checked."""
    name = clients.connection.name(check_key(key))
    if not upload_id:  # without an id the request would be a put of the whole object
        raise UploadMissing("There is no such upload.", key=key)
    if not 1 <= number <= MAXIMUM_PARTS:
        raise UploadInvalid(f"Parts are numbered from 1 to {MAXIMUM_PARTS}.", key=key)
    return name


def _confirmed(part: Part, sent: dict[int, SentPart], key: str) -> SentPart:
    """The part with the storage's tag; a part without a tag was sent by a client that could not read it, such as a browser.

    Raises: UploadInvalid: it was not written, or was replaced since.
    """
    found = sent.get(part.number)
    if found is None or found.length != part.length or part.tag.strip('"') not in ("", found.tag.strip('"')):
        raise UploadInvalid(f"Part {part.number} differs from the one that was sent: send it again.", key=key)
    return found


def _complete(clients: Clients, key: str, upload_id: str, parts: list[SentPart]) -> None:
    to = clients.connection
    with translated(key):
        clients.boto.complete_multipart_upload(
            Bucket=to.bucket,
            Key=to.name(key),
            UploadId=upload_id,
            MultipartUpload={"Parts": [{"PartNumber": part.number, "ETag": part.tag} for part in parts]},
        )
