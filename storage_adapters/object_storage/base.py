"""The base of every object adapter: streams of puts, reads and deletes become batches that run in a few threads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import ClassVar, ParamSpec, TypeVar

from storage_adapters.errors import NotSupported, StorageError
from storage_adapters.object_storage.batches import MAX_BYTES, cut_batches, run_batches
from storage_adapters.object_storage.contract import (
    Buffer,
    ByteRange,
    DeleteOutcome,
    NewObject,
    PutOutcome,
    SentPart,
    Storage,
    failures,
)
from storage_adapters.object_storage.keys import check_directory

_LENGTH = attrgetter("length")
_SIZE = attrgetter("size_bytes")

ResultT = TypeVar("ResultT")
ArgumentsP = ParamSpec("ArgumentsP")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchLimits:
    """Where a batch is closed, and how much may be under way; `begin_alone`: see `run_batches`."""

    puts: int
    put_bytes: int = 1024 * 1024
    reads: int
    read_bytes: int = 1024 * 1024
    read_bytes_ahead: int = MAX_BYTES
    deletes: int
    begin_alone: bool = True


class ObjectStorage(Storage, ABC):
    """A storage that works in batches: an adapter puts, reads and deletes one batch, and keeps the rest of the contract.

    Here are the promises about streams: memory stays bounded, results of reads keep their order, and each put or delete
    has its outcome. A storage without presigned URLs says why in `presign_refusal`; it inherits the methods that refuse.
    """

    limits: ClassVar[BatchLimits]
    presign_refusal: ClassVar[str] = "This storage has no presigned URLs."
    threads: int = 1
    """How many batches run at once if the storage is slow to answer."""
    _cleaned_up = False

    @abstractmethod
    def put_batch(self, batch: list[NewObject]) -> list[PutOutcome]:
        """Put each object; a failed one does not stop the rest."""

    @abstractmethod
    def read_batch(self, batch: list[ByteRange]) -> list[bytes]:
        """Read each range, in order. Raises: ObjectMissing, ObjectChanged and other storage errors."""

    @abstractmethod
    def delete_batch(self, batch: list[str]) -> list[DeleteOutcome]:
        """Delete each key; a missing one counts as deleted, and a failed one does not stop the rest."""

    def remove_abandoned(self) -> None:
        """Remove what killed writers left, if the storage keeps that. Called before the first put of an instance."""

    def put_many(self, objects: Iterable[NewObject]) -> Iterator[PutOutcome]:
        if not self._cleaned_up:
            self._cleaned_up = True
            with suppress(StorageError):  # no reason not to put
                self.remove_abandoned()
        limits = self.limits
        return run_batches(
            self.put_batch,
            cut_batches(objects, max_items=limits.puts, max_bytes=limits.put_bytes, size_bytes=_SIZE),
            threads=self.threads,
            begin_alone=limits.begin_alone,
            size_bytes=_SIZE,
        )

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        limits = self.limits
        return run_batches(
            self.read_batch,
            cut_batches(requests, max_items=limits.reads, max_bytes=limits.read_bytes, size_bytes=_LENGTH),
            threads=self.threads,
            begin_alone=limits.begin_alone,
            size_bytes=_LENGTH,
            max_bytes=limits.read_bytes_ahead,
        )

    def delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        return self._run_deletes(self.delete_batch, keys)

    def delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        check_directory(prefix)
        return self.delete_found(self.delete_batch, (info.key for info in self.list_objects(prefix)))

    def delete_found(
        self, work: Callable[[list[str]], list[DeleteOutcome]], names: Iterable[str]
    ) -> Iterator[list[DeleteOutcome]]:
        """Delete names that a listing found, batch by batch; yields what could not be deleted of each."""
        return self._run_deletes(lambda batch: [failures(work(batch))], names)

    def presign(self, key: str, expires_in: timedelta) -> str:
        raise NotSupported(self.presign_refusal, key=key)

    def presign_part(self, key: str, upload_id: str, number: int, length: int, expires_in: timedelta) -> str:
        raise NotSupported(self.presign_refusal, key=key)

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> Iterator[SentPart]:
        raise NotSupported(self.presign_refusal, key=key)

    def flush(self) -> None:
        """Nothing to wait for: what the storage confirmed is as durable as it makes it."""

    def _run_deletes(
        self, work: Callable[[list[str]], Iterable[ResultT]], names: Iterable[str]
    ) -> Iterator[ResultT]:
        return run_batches(
            work,
            cut_batches(names, max_items=self.limits.deletes),
            threads=self.threads,
            begin_alone=self.limits.begin_alone,
        )


def put_each(put: Callable[[str, Buffer], object], batch: list[NewObject]) -> list[PutOutcome]:
    """Put one object after another; a failed one does not stop the rest."""
    return [
        PutOutcome(key=new.key, size_bytes=new.size_bytes, error=_error_of(put, new.key, new.data))
        for new in batch
    ]


def delete_each(delete: Callable[[str], object], batch: list[str]) -> list[DeleteOutcome]:
    """Delete one key after another; a failed one does not stop the rest."""
    return [DeleteOutcome(key=key, error=_error_of(delete, key)) for key in batch]


def _error_of(
    call: Callable[ArgumentsP, object], *arguments: ArgumentsP.args, **named: ArgumentsP.kwargs
) -> StorageError | None:
    """What the call failed with, if it did."""
    try:
        call(*arguments, **named)
    except StorageError as error:
        return error
    return None
