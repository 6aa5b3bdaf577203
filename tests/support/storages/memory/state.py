"""The state of one memory storage: its objects, its uploads, and the faults a test plants in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock

from storage_adapters.errors import ObjectMissing, StorageError
from storage_adapters.object_storage.contract import ObjectInfo, PendingUpload

Fault = Callable[[str, str], StorageError | None]
"""Given the operation's name and the key, the error to raise or report, or nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """The bytes under one key, replaced as a whole."""

    data: bytes
    modified_at: datetime
    revision: int


@dataclass(kw_only=True, slots=True)
class Upload:
    """One upload in parts: the bytes and the offset of each part by its number."""

    pending: PendingUpload
    parts: dict[int, tuple[int, bytes]] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class MemoryState:
    """The state that all instances of one memory storage share. `lock` guards all of it; `fail` may be set by a test."""

    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    fail: Fault | None = None
    lock: RLock = field(default_factory=RLock)
    revision: int = 0

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """Store the bytes under the key."""
        with self.lock:
            self.revision += 1
            self.objects[key] = StoredObject(data=data, modified_at=datetime.now(UTC), revision=self.revision)
            return self.info(key)

    def get(self, key: str) -> StoredObject:
        """Raises: ObjectMissing."""
        found = self.objects.get(key)
        if found is None:
            raise ObjectMissing("There is no object under this key.", key=key)
        return found

    def info(self, key: str) -> ObjectInfo:
        """Raises: ObjectMissing."""
        found = self.get(key)
        return ObjectInfo(
            key=key, size_bytes=len(found.data), modified_at=found.modified_at, etag=f"r{found.revision}"
        )

    def maybe_fail(self, operation: str, key: str) -> StorageError | None:
        """The fault that a test planted here, if any."""
        return self.fail(operation, key) if self.fail is not None else None
