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

_obstore_process: list[int] = []  # obstore has one runtime in a process

_MAX_LINK = timedelta(days=7)


def stat_object(clients: Clients, key: str) -> ObjectInfo:
    """The object as it is now. Raises: ObjectMissing."""
    name = clients.connection.name(check_key(key))
    try:
        with translated(key):
            return _head(clients, key, name)
    except StorageError as refusal:
        if not refusal.retryable:
            _raise_reason(clients, key, name)
        raise


def _head(clients: Clients, key: str, name: str) -> ObjectInfo:
    if _can_read_by_obstore(clients, name):
        meta = obstore.head(clients.store, name)
        return info_of(key, meta["size"], meta["last_modified"], meta["e_tag"])
    head = clients.boto.head_object(Bucket=clients.connection.bucket, Key=name)
    return info_of(key, head["ContentLength"], head["LastModified"], head.get("ETag"))


def _raise_reason(clients: Clients, key: str, name: str) -> None:
    """Raise the reason that a GET gives: the answer to a HEAD has no body, so a missing bucket looks like a missing key."""
    with translated(key):
        clients.boto.get_object(Bucket=clients.connection.bucket, Key=name)["Body"].close()


def put_object(clients: Clients, key: str, data: Buffer) -> None:
    """Put the whole object, in place of one that is there."""
    name = clients.connection.name(check_key(key))
    body = data if isinstance(data, bytes) else bytes(data)
    with translated(key):
        if can_use_obstore(name):
            obstore.put(clients.store, name, body, use_multipart=False)
        else:
            clients.boto.put_object(Bucket=clients.connection.bucket, Key=name, Body=body)


def read_object(clients: Clients, wanted: ByteRange) -> bytes:
    """The bytes of the range. Raises: ObjectMissing, ObjectChanged: it ends beyond the object."""
    name = clients.connection.name(check_key(wanted.key))
    if wanted.length == 0:
        # S3 has no request for an empty range, and the contract wants an error for a missing object.
        _check_end(stat_object(clients, wanted.key).size_bytes, wanted)
        return b""
    with translated(wanted.key):
        if _can_read_by_obstore(clients, name):
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
    """A short range at the beginning is usually the whole object, and is requested as such.

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
    """Everything under the prefix, in UTF-8 byte order, also markers of directories and names that no key can have."""
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
    """Like `list_names`, valid keys only."""
    for found in list_names(clients, prefix, start_after):
        try:
            check_key(found.key)
        except InvalidKey:
            continue
        yield found


def presign_object(clients: Clients, key: str, expires_in: timedelta) -> str:
    """A presigned URL to read a whole object. Raises: NotSupported."""
    to = clients.connection
    return sign(clients, "get_object", {"Bucket": to.bucket, "Key": to.name(check_key(key))}, expires_in)


def sign(clients: Clients, operation: str, subject: Mapping[str, str | int], expires_in: timedelta) -> str:
    """A presigned URL for one S3 request. Raises: NotSupported: more than the seven days that a signature can last."""
    if expires_in > _MAX_LINK:
        raise NotSupported("A presigned URL lasts seven days at most: ask for a shorter time.")
    with translated():
        return clients.boto.generate_presigned_url(
            operation, Params=dict(subject), ExpiresIn=int(expires_in.total_seconds())
        )


def info_of(key: str, size_bytes: int, modified_at: datetime, etag: str | None) -> ObjectInfo:
    """The object as the contract describes it: the tag without its quotation marks."""
    return ObjectInfo(
        key=key, size_bytes=size_bytes, modified_at=modified_at, etag=etag.strip('"') if etag else None
    )


def can_use_obstore(name: str) -> bool:
    """Whether obstore can be used: not for control characters, nor in a fork of a process that used it."""
    return _CONTROL.search(name) is None and process_may_use_obstore()


def process_may_use_obstore() -> bool:
    """Whether this process may use obstore: it is the first one that does, not a fork of that.

    In a fork obstore hangs, and what it adds to the inherited event queue crashes the parent.
    """
    if not _obstore_process:
        _obstore_process.append(os.getpid())
    return _obstore_process[0] == os.getpid()


def _can_read_by_obstore(clients: Clients, name: str) -> bool:
    """Not with a limited reach: obstore follows redirects of a GET or HEAD to any server."""
    return clients.connection.reach == Reach.ANY and can_use_obstore(name)
