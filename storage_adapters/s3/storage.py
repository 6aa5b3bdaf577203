"""The S3 storage: the contract over a bucket, composed of what the files beside this one do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import ClassVar, Self

from fsspec import AbstractFileSystem

from storage_adapters.object_storage.batches import cut_batches, run_batches
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
    failures,
)
from storage_adapters.object_storage.health import try_out
from storage_adapters.object_storage.keys import check_directory, check_prefix
from storage_adapters.options import OptionValue
from storage_adapters.s3 import uploads
from storage_adapters.s3.bulk import KEYS_AT_ONCE, delete_batch, delete_names, put_batch, read_batch
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.connection import Connection, split_url
from storage_adapters.s3.copying import copy_object
from storage_adapters.s3.filesystem import BucketFileSystem, under_root
from storage_adapters.s3.objects import list_keys, list_names, presign_object, stat_object

_ITEMS_AT_ONCE = 16
_BYTES_AT_ONCE = 1024 * 1024
_READ_BYTES_AHEAD = 16 * 1024 * 1024
_LENGTH = attrgetter("length")
_SIZE = attrgetter("size_bytes")


class S3Storage:
    """Objects of a bucket, or of what lies under one prefix of it. Safe for threads; a fork opens its own connections."""

    filesystem: ClassVar[type[BucketFileSystem]]
    """The system's own, which knows the scheme and the options."""
    capabilities = Capabilities(
        presign=True,
        multipart=True,
        server_side_copy=True,
        seekable_listing=True,
        minimum_part_bytes=uploads.MINIMUM_PART_BYTES,
        maximum_part_bytes=uploads.MAXIMUM_PART_BYTES,
        maximum_parts=uploads.MAXIMUM_PARTS,
    )

    def __init__(self, connection: Connection, options: Mapping[str, OptionValue]) -> None:
        self._clients = Clients(connection)
        self._options = options
        self._threads = connection.threads

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> Self:
        """Open `scheme://bucket/optional/root`; nothing is sent yet. Raises: ConfigurationInvalid."""
        connection = cls.filesystem.settle(options)
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
        return try_out(self, f"{connection.url} at {connection.host}", writes=writes)

    def stat(self, key: str) -> ObjectInfo:
        return stat_object(self._clients, key)

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        return list_keys(self._clients, check_prefix(prefix), start_after)

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        batches = cut_batches(
            requests,
            max_items=_ITEMS_AT_ONCE,
            max_bytes=_BYTES_AT_ONCE,
            size_bytes=_LENGTH,
        )
        return run_batches(
            partial(read_batch, self._clients),
            batches,
            threads=self._threads,
            begin_alone=False,
            size_bytes=_LENGTH,
            most_bytes=_READ_BYTES_AHEAD,
        )

    def put_many(self, objects: Iterable[NewObject]) -> Iterator[PutOutcome]:
        batches = cut_batches(
            objects,
            max_items=_ITEMS_AT_ONCE,
            max_bytes=_BYTES_AT_ONCE,
            size_bytes=_SIZE,
        )
        return run_batches(
            partial(put_batch, self._clients),
            batches,
            threads=self._threads,
            begin_alone=False,
            size_bytes=_SIZE,
        )

    def delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        batches = cut_batches(keys, max_items=KEYS_AT_ONCE)
        return run_batches(
            partial(delete_batch, self._clients), batches, threads=self._threads, begin_alone=False
        )

    def delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        check_directory(prefix)
        to = self._clients.connection
        names = (to.name(found.key) for found in list_names(self._clients, prefix))
        return run_batches(
            lambda batch: [failures(delete_names(self._clients, batch))],
            cut_batches(names, max_items=KEYS_AT_ONCE),
            threads=self._threads,
            begin_alone=False,
        )

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

    def flush(self) -> None:
        """Nothing to wait for: what the storage confirmed is as durable as it makes it."""
