"""The memory storage: the contract with an object store's rules, so that tests catch callers that assume a disk."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

from support.storages.memory.filesystem import MemoryFileSystem
from support.storages.memory.state import Fault, MemoryState, Upload

from storage_adapters.errors import (
    ObjectChanged,
    UploadInvalid,
    UploadMissing,
)
from storage_adapters.object_storage.base import BatchLimits, ObjectStorage, delete_each, put_each
from storage_adapters.object_storage.completion import completed_before, total_length
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
)
from storage_adapters.object_storage.keys import check_key, check_prefix
from storage_adapters.options import OptionValue, read_options


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryOptions:
    """The limits of uploads in parts, by default those of S3; the other two are as in HDFS."""

    minimum_part_bytes: int = 5 * 1024 * 1024
    maximum_parts: int = 10_000
    recursive_delete: bool = False
    rewrites_parts: bool = False


class MemoryStorage(ObjectStorage):
    """Objects live as long as the process; all instances of one `memory://name` share them.

    A test plants faults through `fail`, which sees every operation and key before the operation has an effect.
    """

    presign_refusal = "Memory has no presigned URLs."
    limits = BatchLimits(puts=1, reads=1, deletes=1)
    # One URL must name the same objects for every instance, as it does with a server.
    _states: ClassVar[dict[str, MemoryState]] = {}

    def __init__(self, state: MemoryState | None = None, options: MemoryOptions | None = None) -> None:
        self._state = state or MemoryState()
        limits = options or MemoryOptions()
        self.capabilities = Capabilities(
            multipart=True,
            server_side_copy=True,
            seekable_listing=True,
            recursive_delete=limits.recursive_delete,
            rewrites_parts=limits.rewrites_parts,
            minimum_part_bytes=limits.minimum_part_bytes,
            maximum_parts=limits.maximum_parts,
        )

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "MemoryStorage":
        """Open `memory://name`. Raises: ConfigurationInvalid."""
        return cls(cls._states.setdefault(url, MemoryState()), read_options(MemoryOptions, options))

    @property
    def fail(self) -> Fault | None:
        """The planted fault; it holds for every opener of the same storage."""
        return self._state.fail

    @fail.setter
    def fail(self, fault: Fault | None) -> None:
        self._state.fail = fault

    @property
    def fs(self) -> MemoryFileSystem:
        return MemoryFileSystem(self._state)

    def check(self, *, writes: bool = True) -> Health:
        fault = self._state.maybe_fail("check", "")
        return Health(ok=fault is None, detail=fault.detail if fault else "Objects are kept in this process.")

    def stat(self, key: str) -> ObjectInfo:
        self._enter("stat", key)
        return self._state.info(key)

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        self._fault("list_objects", prefix)
        with self._state.lock:
            keys = sorted(key for key in self._state.objects if key.startswith(prefix) and key > start_after)
        for key in keys:
            with self._state.lock:
                info = self._state.info(key) if key in self._state.objects else None
            if info is not None:
                yield info

    def put_batch(self, batch: list[NewObject]) -> list[PutOutcome]:
        return put_each(self._put, batch)

    def read_batch(self, batch: list[ByteRange]) -> list[bytes]:
        return [self._read(wanted) for wanted in batch]

    def delete_batch(self, batch: list[str]) -> list[DeleteOutcome]:
        return delete_each(self._delete, batch)

    def copy(self, source: str, target: str) -> ObjectInfo:
        self._enter("copy", source)
        check_key(target)
        return self._state.put(target, self._state.get(source).data)

    def begin_upload(self, key: str) -> str:
        self._enter("begin_upload", key)
        upload_id = uuid4().hex
        pending = PendingUpload(key=key, upload_id=upload_id, started_at=datetime.now(UTC))
        self._state.uploads[upload_id] = Upload(pending=pending)
        return upload_id

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        self._enter("upload_part", key)
        return self._keep_part(key, upload_id, number, offset, b"".join(chunks))

    def copy_part(self, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
        self._enter("copy_part", key)
        return self._keep_part(key, upload_id, number, offset, _cut(self._state.get(source.key).data, source))

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        self._enter("complete_upload", key)
        wanted = sorted(parts, key=lambda part: part.number)
        with self._state.lock:
            upload = self._state.uploads.get(upload_id)
            if upload is None:
                return completed_before(key, sum(part.length for part in wanted), self._state.info)
            data = self._join(key, upload, wanted)
            del self._state.uploads[upload_id]
            return self._state.put(key, data)

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._enter("abort_upload", key)
        self._state.uploads.pop(upload_id, None)

    def list_uploads(self, prefix: str) -> Iterator[PendingUpload]:
        check_prefix(prefix)
        self._fault("list_uploads", prefix)
        with self._state.lock:
            pending = [upload.pending for upload in self._state.uploads.values()]
        return (upload for upload in pending if upload.key.startswith(prefix))

    def _put(self, key: str, data: Buffer) -> None:
        self._enter("put_many", key)
        self._state.put(key, bytes(data))

    def _read(self, wanted: ByteRange) -> bytes:
        self._enter("read_ranges", wanted.key)
        return _cut(self._state.get(wanted.key).data, wanted)

    def _delete(self, key: str) -> None:
        self._enter("delete", key)
        self._state.objects.pop(key, None)

    def _enter(self, operation: str, key: str) -> None:
        """Reject an invalid key, then raise a planted fault."""
        check_key(key)
        self._fault(operation, key)

    def _fault(self, operation: str, key: str) -> None:
        fault = self._state.maybe_fail(operation, key)
        if fault is not None:
            raise fault

    def _keep_part(self, key: str, upload_id: str, number: int, offset: int, data: bytes) -> Part:
        with self._state.lock:
            upload = self._state.uploads.get(upload_id)
            if upload is None:
                raise UploadMissing("There is no such upload.", key=key)
            if not 1 <= number <= self.capabilities.maximum_parts:
                raise UploadInvalid(
                    f"Parts are numbered from 1 to {self.capabilities.maximum_parts}.", key=key
                )
            upload.parts[number] = (offset, data)
        return Part(number=number, offset=offset, length=len(data), tag=f"{number}-{len(data)}")

    def _join(self, key: str, upload: Upload, parts: list[Part]) -> bytes:
        """The object that the parts make. Raises: UploadInvalid."""
        total_length(parts, key, minimum_part_bytes=self.capabilities.minimum_part_bytes)
        for part in parts:
            offset, data = upload.parts.get(part.number, (-1, b""))
            if offset != part.offset or len(data) != part.length:
                raise UploadInvalid(f"Part {part.number} differs from the one that was sent.", key=key)
        return b"".join(upload.parts[part.number][1] for part in parts)


def _cut(data: bytes, wanted: ByteRange) -> bytes:
    """The range of the bytes. Raises: ObjectChanged: it ends beyond them."""
    if wanted.offset + wanted.length > len(data):
        raise ObjectChanged(f"The object ends at {len(data)}, before the range does.", key=wanted.key)
    return data[wanted.offset : wanted.offset + wanted.length]
