"""The S3 storage: the contract over a bucket, composed from the modules beside this one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import ClassVar, Self

from fsspec import AbstractFileSystem

from storage_adapters.object_storage.base import BatchLimits, ObjectStorage, put_each
from storage_adapters.object_storage.contract import (
    Buffer,
    ByteRange,
    Capabilities,
    DeleteOutcome,
    Health,
    NewObject,
    ObjectInfo,
    Part,
    PendingUpload,
    PutOutcome,
    SentPart,
)
from storage_adapters.object_storage.health import try_storage
from storage_adapters.object_storage.keys import check_directory, check_prefix
from storage_adapters.options import OptionValue
from storage_adapters.s3 import uploads
from storage_adapters.s3.bulk import KEYS_AT_ONCE, delete_batch, delete_names, read_batch
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.connection import Connection, split_url
from storage_adapters.s3.copying import copy_object
from storage_adapters.s3.filesystem import BucketFileSystem, under_root
from storage_adapters.s3.objects import list_keys, list_names, presign_object, put_object, stat_object


class S3Storage(ObjectStorage):
    """Objects of a bucket, or under one prefix of it. Safe for threads; a fork opens its own connections."""

    filesystem: ClassVar[type[BucketFileSystem]]
    """The system's filesystem, which knows the scheme and the options."""
    capabilities = Capabilities(
        presign=True,
        multipart=True,
        server_side_copy=True,
        seekable_listing=True,
        minimum_part_bytes=uploads.MINIMUM_PART_BYTES,
        maximum_part_bytes=uploads.MAXIMUM_PART_BYTES,
        maximum_parts=uploads.MAXIMUM_PARTS,
    )
    limits = BatchLimits(
        puts=16,
        reads=16,
        read_bytes_ahead=16 * 1024 * 1024,
        deletes=KEYS_AT_ONCE,
        begin_alone=False,  # every request goes over a network
    )

    def __init__(self, connection: Connection, options: Mapping[str, OptionValue]) -> None:
        self._clients = Clients(connection)
        self._options = options
        self.threads = connection.threads

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> Self:
        """Open `scheme://bucket/optional/root`; nothing is sent yet. Raises: ConfigurationInvalid."""
        connection = cls.filesystem.connection_for(options)
        bucket, root = split_url(url, connection.scheme)
        return cls(replace(connection, bucket=bucket, root=root), options)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._clients.connection.bucket

    @property
    def fs(self) -> AbstractFileSystem:
        return under_root(self.filesystem(**self._options), self._clients.connection)

    def check(self, *, writes: bool = True) -> Health:
        connection = self._clients.connection
        return try_storage(self, f"{connection.url} at {connection.host}", writes=writes)

    def stat(self, key: str) -> ObjectInfo:
        return stat_object(self._clients, key)

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        return list_keys(self._clients, check_prefix(prefix), start_after)

    def put_batch(self, batch: list[NewObject]) -> list[PutOutcome]:
        return put_each(partial(put_object, self._clients), batch)

    def read_batch(self, batch: list[ByteRange]) -> list[bytes]:
        return read_batch(self._clients, batch)

    def delete_batch(self, batch: list[str]) -> list[DeleteOutcome]:
        return delete_batch(self._clients, batch)

    def delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        check_directory(prefix)
        to = self._clients.connection
        names = (to.name(found.key) for found in list_names(self._clients, prefix))
        return self.delete_found(partial(delete_names, self._clients), names)

    def copy(self, source: str, target: str) -> ObjectInfo:
        return copy_object(self._clients, source, target)

    def presign(self, key: str, expires_in: timedelta) -> str:
        return presign_object(self._clients, key, expires_in)

    def begin_upload(self, key: str) -> str:
        return uploads.begin_upload(self._clients, key)

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        return uploads.write_part(self._clients, key, upload_id, number, offset, chunks)

    def presign_part(self, key: str, upload_id: str, number: int, length: int, expires_in: timedelta) -> str:
        return uploads.presign_part(self._clients, key, upload_id, number, length, expires_in)

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> Iterator[SentPart]:
        return uploads.list_parts(self._clients, key, upload_id, after)

    def copy_part(self, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
        return uploads.copy_part(self._clients, key, upload_id, number, offset, source)

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        return uploads.complete_upload(self._clients, key, upload_id, parts)

    def abort_upload(self, key: str, upload_id: str) -> None:
        uploads.abort_upload(self._clients, key, upload_id)

    def list_uploads(self, prefix: str) -> Iterator[PendingUpload]:
        return uploads.list_uploads(self._clients, check_prefix(prefix))
