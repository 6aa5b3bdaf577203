"""Faults on demand: a storage and a database whose n-th call fails, before or after it took effect."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from datacenter.database.engine import Database
from datacenter.datasets.resources import Resources
from storage_adapters.errors import PermissionDenied, StorageUnavailable
from storage_adapters.object_storage.contract import DeleteOutcome

T = TypeVar("T")
GENERATORS = {
    *("list_objects", "read_ranges", "put_many", "delete", "delete_prefix", "list_uploads"),
    *("list_partitions", "read_partition", "read_query"),
}
CALLS = GENERATORS | {
    "stat",
    "copy",
    "begin_upload",
    "upload_part",
    "copy_part",
    "complete_upload",
    "abort_upload",
    "flush",
    *("describe", "begin_write", "write_partition", "complete_write", "abort_write", "drop_table"),
}


class Schedule:
    """Counts calls and decides which of them fail; `after`: the call takes effect first."""

    def __init__(
        self,
        *,
        at: int = 0,
        after: bool = False,
        forever: bool = False,
        fault: Callable[[str], Exception] = StorageUnavailable,
        names: Collection[str] = (),
    ) -> None:
        """Counts only calls of these names; empty: all."""
        self.calls = 0
        self._names = names
        self.after = after
        self._at, self._forever, self._fault = at, forever, fault
        self._lock = threading.Lock()

    def heal(self) -> None:
        """From now on nothing fails."""
        self._at = 0

    def next(self, name: str) -> Exception | None:
        """The error of this call, if it is to fail."""
        if self._names and name not in self._names:
            return None
        with self._lock:
            self.calls += 1
            due = self.calls == self._at or (self._forever and 0 < self._at < self.calls)
        return self._fault(f"the test lets call {self.calls}, {name}, fail") if due else None


class FaultyStorage:
    """A storage, of files or of tables, whose calls may fail; keys in `refused` cannot be deleted."""

    def __init__(self, inner: Any, schedule: Schedule, refused: set[str]) -> None:
        self._inner, self._schedule, self._refused = inner, schedule, refused

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in CALLS:
            return found
        call = getattr(self, f"_{name}", found)
        faulty = self._generator if name in GENERATORS else self._plain
        return lambda *args, **named: faulty(name, call, *args, **named)

    def watched(self, check: Callable[[], None]) -> "FaultyStorage":
        """The storage of tables, watched, with the same faults."""
        return FaultyStorage(self._inner.watched(check), self._schedule, self._refused)

    def _plain(self, name: str, call: Callable[..., T], *args: Any, **named: Any) -> T:
        fault = self._schedule.next(name)
        if fault is not None and not self._schedule.after:
            raise fault
        result = call(*args, **named)
        if fault is not None:
            raise fault
        return result

    def _generator(
        self, name: str, call: Callable[..., Iterator[T]], *args: Any, **named: Any
    ) -> Iterator[T]:
        fault = self._schedule.next(name)
        if fault is not None and not self._schedule.after:
            raise fault
        for item in call(*args, **named):
            if fault is None:
                yield item
        if fault is not None:
            raise fault

    def _delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        wanted = list(keys)
        yield from self._inner.delete(key for key in wanted if key not in self._refused)
        yield from (self._refuse(key) for key in wanted if key in self._refused)

    def _delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        if not self._refused:
            return self._inner.delete_prefix(prefix)
        keys = [info.key for info in self._inner.list_objects(prefix)]
        return ([each] if each.error else [] for each in self._delete(keys))

    def _refuse(self, key: str) -> DeleteOutcome:
        return DeleteOutcome(key=key, error=PermissionDenied("the storage refuses", key=key))


class FaultyStorages:
    """Registered storages that all fail by one schedule."""

    def __init__(self, inner: Any, schedule: Schedule) -> None:
        self._inner = inner
        self.schedule = schedule
        self.refused: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, name: str) -> Any:
        return FaultyStorage(self._inner.open(name), self.schedule, self.refused)

    def open_source(self, name: str) -> Any:
        return FaultyStorage(self._inner.open_source(name), self.schedule, self.refused)

    def open_tables(self, name: str) -> Any:
        return FaultyStorage(self._inner.open_tables(name), self.schedule, self.refused)


class FaultyDatabase(Database):
    """A database whose transactions and reads may fail; one that fails after its commit has committed."""

    def __init__(self, inner: Database, schedule: Schedule) -> None:
        self.engine = inner.engine
        self.info = inner.info
        self.schedule = schedule

    def run(self, work: Callable[[Session], T]) -> T:
        fault = self.schedule.next("run")
        if fault is not None and not self.schedule.after:
            raise fault
        result = super().run(work)
        if fault is not None:
            raise fault
        return result

    @contextmanager
    def reading(self) -> Iterator[Session]:
        fault = self.schedule.next("reading")
        if fault is not None:
            raise fault
        with super().reading() as session:
            yield session


def lost_connection(reason: str) -> Exception:
    """What a driver raises when the server goes away."""
    return OperationalError("COMMIT", {}, ConnectionError(reason))


def faulty_storages(resources: Resources, schedule: Schedule) -> Resources:
    """The same resources with storages that fail by the schedule."""
    return replace(resources, storages=FaultyStorages(resources.storages, schedule))


def faulty_database(resources: Resources, schedule: Schedule) -> Resources:
    """The same resources with a database that fails by the schedule."""
    return replace(resources, database=FaultyDatabase(resources.database, schedule))
