"""Objects: put, read, list, look at and sign links for them, by obstore where it can and by boto3 where it cannot."""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import obstore
from obstore.store import S3Store

from storage_adapters.errors import InvalidKey, NotSupported, ObjectChanged, StorageError
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Buffer, ByteRange, ObjectInfo
from storage_adapters.object_storage.keys import check_key
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.faults import translated

_WHOLE_BYTES = 64 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_owner: list[int] = []  # there is one runtime in a process, whoever asks

_LONGEST_LINK = timedelta(days=7)


def stat_object(clients: Clients, key: str) -> ObjectInfo:
    """The object as it is now. Raises: ObjectMissing."""
    name = clients.connection.name(check_key(key))
    try:
        with translated(key):
            return _look(clients, key, name)
    except StorageError as refusal:
        if not refusal.retryable:
            _ask_for_the_reason(clients, key, name)
        raise


def _look(clients: Clients, key: str, name: str) -> ObjectInfo:
    if _reads_by_obstore(clients, name):
        meta = obstore.head(clients.store, name)
        return info_of(key, meta["size"], meta["last_modified"], meta["e_tag"])
    head = clients.boto.head_object(Bucket=clients.connection.bucket, Key=name)
    return info_of(key, head["ContentLength"], head["LastModified"], head.get("ETag"))


def _ask_for_the_reason(clients: Clients, key: str, name: str) -> None:
    """Raise what a GET is refused for: the answer to a HEAD has no body, so a missing bucket looks like a missing key."""
    with translated(key):
        clients.boto.get_object(Bucket=clients.connection.bucket, Key=name)["Body"].close()


def put_object(clients: Clients, key: str, data: Buffer) -> None:
    """Put the whole object, in place of one that is there."""
    name = clients.connection.name(check_key(key))
    body = data if isinstance(data, bytes) else bytes(data)
    with translated(key):
        if by_obstore(name):
            obstore.put(clients.store, name, body, use_multipart=False)
        else:
            clients.boto.put_object(Bucket=clients.connection.bucket, Key=name, Body=body)


def read_object(clients: Clients, wanted: ByteRange) -> bytes:
    """The bytes of the range. Raises: ObjectMissing, ObjectChanged: it ends beyond the object."""
    name = clients.connection.name(check_key(wanted.key))
    if wanted.length == 0:
        # No request of S3 asks for nothing, and the contract wants to know whether it is there.
        _check_end(stat_object(clients, wanted.key).size_bytes, wanted)
        return b""
    with translated(wanted.key):
        if _reads_by_obstore(clients, name):
            data = _read_by_obstore(clients.store, name, wanted)
        else:
            data = _read_by_boto(clients, name, wanted)
    if len(data) < wanted.length:
        _check_end(wanted.offset + len(data), wanted)
    return data


def _check_end(end: int, wanted: ByteRange) -> None:
    if end < wanted.offset + wanted.length:
        raise ObjectChanged(f"The object ends at {end}, before the range does.", key=wanted.key)


def _read_by_obstore(store: S3Store, name: str, wanted: ByteRange) -> bytes:
    """What is short and at the beginning is most often all of the object, and is asked for as such.

    Source: RGW's `RGWGetObj::prefetch_data`: a whole object comes with the look at its head, a range by a second
    request to the store behind it, which makes it a third more expensive for the gateway.
    """
    if wanted.offset == 0 and wanted.length <= _WHOLE_BYTES:
        found = obstore.get(store, name)
        if found.meta["size"] == wanted.length:
            return found.bytes().to_bytes()
    return obstore.get_range(store, name, start=wanted.offset, length=wanted.length).to_bytes()


def _read_by_boto(clients: Clients, name: str, wanted: ByteRange) -> bytes:
    answer = clients.boto.get_object(
        Bucket=clients.connection.bucket,
        Key=name,
        Range=f"bytes={wanted.offset}-{wanted.offset + wanted.length - 1}",
    )
    with answer["Body"] as body:
        return body.read()


def list_names(clients: Clients, prefix: str, start_after: str = "") -> Iterator[ObjectInfo]:
    """Everything that is stored under the prefix, in UTF-8 byte order, markers of directories and foreign names too."""
    # By boto3: obstore's listing takes whole segments only as a prefix, calls the marker `folder/` an object `folder`, and
    # breaks off at a name with a control character or an empty segment.
    to = clients.connection
    pages = clients.boto.get_paginator("list_objects_v2").paginate(
        Bucket=to.bucket, Prefix=to.name(prefix), StartAfter=to.name(start_after) if start_after else ""
    )
    with translated():
        for page in pages:
            for found in page.get("Contents", []):
                yield info_of(to.key(found["Key"]), found["Size"], found["LastModified"], found.get("ETag"))


def list_keys(clients: Clients, prefix: str, start_after: str = "") -> Iterator[ObjectInfo]:
    """Like `list_names` without what is no key."""
    for found in list_names(clients, prefix, start_after):
        try:
            check_key(found.key)
        except InvalidKey:
            continue
        yield found


def presign_object(clients: Clients, key: str, expires_in: timedelta) -> str:
    """A link to read a whole object. Raises: NotSupported."""
    to = clients.connection
    return sign(clients, "get_object", {"Bucket": to.bucket, "Key": to.name(check_key(key))}, expires_in)


def sign(clients: Clients, deed: str, subject: Mapping[str, str | int], expires_in: timedelta) -> str:
    """A link for one request of S3. Raises: NotSupported: longer than seven days, which no S3 signature lasts."""
    if expires_in > _LONGEST_LINK:
        raise NotSupported("A presigned URL lasts seven days at most.")
    with translated():
        return clients.boto.generate_presigned_url(
            deed, Params=dict(subject), ExpiresIn=int(expires_in.total_seconds())
        )


def info_of(key: str, size_bytes: int, modified_at: datetime, etag: str | None) -> ObjectInfo:
    """The object as the contract shows it: the tag without its quotation marks."""
    return ObjectInfo(
        key=key, size_bytes=size_bytes, modified_at=modified_at, etag=etag.strip('"') if etag else None
    )


def by_obstore(name: str) -> bool:
    """Whether obstore can be asked: it refuses control characters, and forks of a process that used it."""
    return _CONTROL.search(name) is None and usable()


def usable() -> bool:
    """Whether this process may use obstore: it is the first to do so, and not a fork of the one that was.

    In a fork obstore waits for ever, and what it adds to the inherited event queue crashes the parent.
    """
    if not _owner:
        _owner.append(os.getpid())
    return _owner[0] == os.getpid()


def _reads_by_obstore(clients: Clients, name: str) -> bool:
    """Not where redirects may not be followed: obstore follows those of a GET or HEAD to any server."""
    return clients.connection.reach == Reach.ANY and by_obstore(name)
