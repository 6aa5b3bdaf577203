"""The storage contract: what every adapter promises to the jobs, whatever the system behind it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from fsspec import AbstractFileSystem

from storage_adapters.errors import StorageError

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a storage can do beyond the common contract; an absent capability raises `NotSupported`."""

    presign: bool = False
    multipart: bool = False
    server_side_copy: bool = False
    recursive_delete: bool = False
    """`delete_prefix` is one call to the storage, however many objects there are."""
    seekable_listing: bool = False
    """A listing costs only what it shows, wherever it begins; without this each listing reads whole directories."""
    listed_per_stat: int = 1
    """About so many entries can be listed for the cost of one `stat`; beyond that, single calls are cheaper."""
    positioned_writes: bool = False
    """Parts of an upload may have any size and arrive in any order: each is written at its offset."""
    rewrites_parts: bool = False
    """Completing an upload reads and writes its parts once more, unless there is only one: fewer parts are faster."""
    minimum_part_bytes: int = 0
    """Of every part of an upload but the last."""
    maximum_part_bytes: int = 1 << 50
    maximum_parts: int = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """The result of `check`; `detail` says what is wrong and what to do."""

    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectInfo:
    """A stored object as a listing shows it."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str | None = None
    changed_at: datetime | None = None
    """When anything about the object last changed, for storages where programs can set `modified_at` (a NAS)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    """`length` bytes of an object from `offset`; a range beyond the object's end is an error, never shortened."""

    key: str
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewObject:
    """A small object to put as a whole; large ones are uploaded in parts."""

    key: str
    data: Buffer

    @property
    def size_bytes(self) -> int:
        """The bytes of the data; a view's own length counts items, which may be wider."""
        return self.data.nbytes if isinstance(self.data, memoryview) else len(self.data)


@dataclass(frozen=True, kw_only=True, slots=True)
class PutOutcome:
    """The outcome of one put."""

    key: str
    size_bytes: int
    error: StorageError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteOutcome:
    """The outcome of one delete; a missing key counts as deleted."""

    key: str
    error: StorageError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One finished part of an upload: its number from 1, its place in the object, and the storage's tag for it."""

    number: int
    offset: int
    length: int
    tag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentPart:
    """A part as the storage lists it; its place in the object depends on the parts before it."""

    number: int
    length: int
    tag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingUpload:
    """An upload that is neither completed nor aborted yet."""

    key: str
    upload_id: str
    started_at: datetime


@runtime_checkable
class Storage(Protocol):
    """A place that holds objects under keys: UTF-8 names with `/` between segments, never a leading `/`.

    A reader sees an object whole or not at all. Every method raises `StorageError` subclasses only, never an
    SDK's errors. Several threads may use an instance; each process opens its own.
    """

    capabilities: Capabilities

    @property
    def fs(self) -> AbstractFileSystem:
        """The fsspec face of the same storage, listing caches off; paths in it are the keys."""

    def check(self, *, writes: bool = True) -> Health:
        """Try what the jobs need (list, write, read, delete) and say what is wrong.

        Without `writes` the storage is only listed and read: nothing is changed, and no directory made.
        """

    def stat(self, key: str) -> ObjectInfo:
        """Raises: ObjectMissing."""

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with `prefix`, in UTF-8 byte order, after `start_after`; sees other clients' writes."""

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        """The bytes of each range, in the order of the requests, fetched ahead in a bounded window.

        Raises: ObjectMissing, ObjectChanged (the range ends beyond the object).
        """

    def put_many(self, objects: Iterable[NewObject]) -> Iterator[PutOutcome]:
        """Put whole objects concurrently, one outcome each, in no fixed order; a failed one does not stop the rest."""

    def delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        """Delete keys in batches, one outcome each, in no fixed order; a failed one does not stop the rest."""

    def delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        """Delete every object whose key starts with `prefix` (which ends in `/`), and emptied directories with them.

        Works while it is iterated, and yields after each step the objects that could not be deleted: usually none. A
        failed one does not stop the rest. Deleted objects are not named, so that the storage need not list them.
        """

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy within this storage without the bytes passing through the client, where it can."""

    def presign(self, key: str, expires_in: timedelta) -> str:
        """A URL to GET the object with, which the storage itself honours until it expires. Raises: NotSupported."""

    def begin_upload(self, key: str) -> str:
        """Begin an upload in parts and return its id; nothing is visible under `key` before `complete_upload`."""

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        """Write one part; the same number again replaces it. `offset` is the part's place in the finished object.

        Raises: UploadMissing.
        """

    def presign_part(self, key: str, upload_id: str, number: int, length: int, expires_in: timedelta) -> str:
        """A URL to PUT the part to, of exactly `length` bytes, without credentials, until it expires or the upload ends.

        Raises: NotSupported (no `presign`), UploadInvalid.
        """

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> Iterator[SentPart]:
        """The parts with a number above `after` that the storage has, by number; for parts that clients sent by URL.

        Raises: NotSupported (no `presign`), UploadMissing.
        """

    def copy_part(self, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
        """Like `upload_part`, with bytes that the storage copies from one of its objects. Raises: NotSupported."""

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        """Publish the object atomically; there must be no gap between the parts.

        Completing an upload again, after it was completed, returns the object it made.

        Raises: UploadInvalid (a gap, or a part that was not written), UploadMissing.
        """

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Discard the upload and its bytes; unknown uploads count as aborted."""

    def list_uploads(self, prefix: str) -> Iterator[PendingUpload]:
        """Uploads under `prefix` that are neither completed nor aborted."""

    def flush(self) -> None:
        """Return once everything that this process wrote is as durable as the storage can make it."""


def failures(outcomes: Iterable[DeleteOutcome]) -> list[DeleteOutcome]:
    """The outcomes that have an error."""
    return [outcome for outcome in outcomes if outcome.error is not None]
