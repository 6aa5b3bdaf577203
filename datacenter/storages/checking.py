"""Checking: whether a storage does what it is registered for, told in words and within a deadline."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import TypeVar

import pyarrow as pa

from datacenter.errors import Invalid
from datacenter.storages.observed import naming
from datacenter.storages.opener import Storages
from storage_adapters.errors import StorageError, StorageUnavailable
from storage_adapters.object_storage.contract import Health
from storage_adapters.registry import DATABASE_OPTION, holds_tables
from storage_adapters.table_storage.contract import TableName, TableStorage

DEADLINE_SECONDS = 20.0
MAX_WAITING = 8

T = TypeVar("T")


class Deadline:
    """Calls to storages that end within a time. One that never answers costs so many threads and no more."""

    def __init__(self, seconds: float = DEADLINE_SECONDS, most_waiting: int = MAX_WAITING) -> None:
        self._seconds = seconds
        self._most_waiting = most_waiting
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    def within(self, storage: str, call: Callable[[], T]) -> T:
        """What the call returns or raises. Raises: StorageUnavailable, if it takes longer."""
        answer: Future[T] = Future()
        with naming(storage):
            self._begin(storage, call, answer)
            try:
                return answer.result(self._seconds)
            except NoAnswer:
                raise StorageUnavailable(f"no answer within {self._seconds:g} s; is it reachable?") from None

    def _begin(self, storage: str, call: Callable[[], T], answer: "Future[T]") -> None:
        with self._lock:
            if self._waiting[storage] >= self._most_waiting:
                raise StorageUnavailable(f"{self._most_waiting} calls wait for an answer of it already")
            self._waiting[storage] += 1
        # Not joined, for a call into a file system that is away may never return.
        threading.Thread(target=self._run, args=(storage, call, answer), daemon=True).start()

    def _run(self, storage: str, call: Callable[[], T], answer: "Future[T]") -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            answer.set_exception(error)
        finally:
            with self._lock:
                self._waiting[storage] -= 1
                if not self._waiting[storage]:
                    del self._waiting[storage]


class Checker:
    """Checks storages, each by one thread at a time, so that one that never answers costs one thread and no more."""

    def __init__(self, storages: Storages, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._storages = storages
        self._deadline_seconds = deadline_seconds
        self._running: dict[str, Future[Health]] = {}
        self._lock = threading.Lock()

    def check(self, name: str) -> Health:
        """What is wrong, in a sentence that a person can act on and that quotes no secret.

        Whoever asks while a check is running is given the answer of that one. Raises: Invalid.
        """
        self._storages.describe(name)
        with self._lock:
            answer = self._running.get(name)
            if answer is None:
                answer = self._running[name] = Future()
                # Not joined, for a call into a file system that is away may never return.
                threading.Thread(target=self._run, args=(name, answer), daemon=True).start()
        try:
            found = answer.result(self._deadline_seconds)
        except NoAnswer:
            return Health(ok=False, detail=f"no answer within {self._deadline_seconds:g} s; is it reachable?")
        return Health(ok=found.ok, detail=self._storages.redact(found.detail))

    def _run(self, name: str, answer: "Future[Health]") -> None:
        try:
            found = self._look(name)
        except (StorageError, Invalid) as error:
            found = Health(ok=False, detail=error.detail)
        except Exception as error:  # noqa: BLE001 - an adapter's mistake is an answer, too; its words may hold secrets
            found = Health(ok=False, detail=f"the adapter failed with {type(error).__name__}")
        finally:
            with self._lock:
                del self._running[name]
        answer.set_result(found)

    def _look(self, name: str) -> Health:
        registered = self._storages.describe(name)
        if holds_tables(registered.kind):
            tables, database = self._storages.open_tables(name), registered.options.get(DATABASE_OPTION)
            found = tables.check()
            keeps = registered.role != "source" and database and found.ok
            return _make_none(tables, str(database), found) if keeps else found
        # A source is never written to: it is often somebody else's, and read-only.
        return self._storages.open(name).check(writes=registered.role != "source")


def _make_none(tables: TableStorage, database: str, found: Health) -> Health:
    """Begin a table and forget it: that says whether there is the database, and whether tables may be made and dropped."""
    table = TableName(database=database, table="datacenter_check")
    write_id = tables.begin_write(table, pa.schema([("id", pa.int64())]), keep_parts=True)
    tables.abort_write(table, write_id)
    return Health(ok=True, detail=f"{found.detail.rstrip('.')}; tables can be kept in {database}")
