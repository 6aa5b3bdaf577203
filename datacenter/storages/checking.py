"""Checking: tests a storage within a deadline and reports the result in one sentence."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import TypeVar

import pyarrow as pa
from sqlalchemy.exc import SQLAlchemyError

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
    """Calls to storages with a time limit. A storage that never answers blocks at most `max_waiting` threads."""

    def __init__(self, seconds: float = DEADLINE_SECONDS, max_waiting: int = MAX_WAITING) -> None:
        self._seconds = seconds
        self._max_waiting = max_waiting
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    def within(self, storage: str, call: Callable[[], T]) -> T:
        """The call's result or error. Raises: StorageUnavailable, if it takes longer."""
        answer: Future[T] = Future()
        with naming(storage):
            self._begin(storage, call, answer)
            try:
                return answer.result(self._seconds)
            except NoAnswer:
                raise StorageUnavailable(
                    f"no answer within {self._seconds:g} s; check that the storage is reachable"
                ) from None

    def _begin(self, storage: str, call: Callable[[], T], answer: "Future[T]") -> None:
        with self._lock:
            if self._waiting[storage] >= self._max_waiting:
                raise StorageUnavailable(
                    f"{self._max_waiting} calls to this storage are already waiting; try again later"
                )
            self._waiting[storage] += 1
        # Not joined: a call into a file system that is away may never return.
        threading.Thread(target=self._run, args=(storage, call, answer), daemon=True).start()

    def _run(self, storage: str, call: Callable[[], T], answer: "Future[T]") -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            answer.set_exception(error)
        finally:
            with self._lock:
                self._waiting[storage] -= 1
                if not self._waiting[storage]:
                    del self._waiting[storage]


class Checker:
    """Checks storages, each in one thread at a time, so a storage that never answers blocks only one thread."""

    def __init__(self, storages: Storages, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._storages = storages
        self._deadline_seconds = deadline_seconds
        self._running: dict[str, Future[Health]] = {}
        self._lock = threading.Lock()

    def check(self, name: str) -> Health:
        """The storage's health, with a sentence that says what to do and quotes no secret.

        A caller that asks during a running check gets the result of that check. Raises: Invalid.
        """
        self._storages.describe(name)
        with self._lock:
            answer = self._running.get(name)
            if answer is None:
                answer = self._running[name] = Future()
                # Not joined: a call into a file system that is away may never return.
                threading.Thread(target=self._run, args=(name, answer), daemon=True).start()
        try:
            health = answer.result(self._deadline_seconds)
        except NoAnswer:
            return Health(
                ok=False,
                detail=f"no answer within {self._deadline_seconds:g} s; check that the storage is reachable",
            )
        return Health(ok=health.ok, detail=self._storages.redact(health.detail))

    def _run(self, name: str, answer: "Future[Health]") -> None:
        try:
            health = self._probe(name)
        except (StorageError, Invalid) as error:
            health = Health(ok=False, detail=error.detail)
        except SQLAlchemyError:
            health = Health(
                ok=False,
                detail="the database does not answer, so its place cannot be compared with those of platforms; "
                "check the database first",
            )
        except Exception as error:  # noqa: BLE001 - a bug of an adapter is a result, too; its message may hold secrets
            health = Health(ok=False, detail=f"the adapter failed with {type(error).__name__}")
        finally:
            with self._lock:
                del self._running[name]
        answer.set_result(health)

    def _probe(self, name: str) -> Health:
        registered = self._storages.describe(name)
        if holds_tables(registered.kind):
            tables, database = self._storages.open_tables(name), registered.options.get(DATABASE_OPTION)
            health = tables.check()
            keeps = registered.role != "source" and database and health.ok
            return _check_writes(tables, str(database), health) if keeps else health
        # A source is never written to: it often belongs to others and is read-only.
        return self._storages.open(name).check(writes=registered.role != "source")


def _check_writes(tables: TableStorage, database: str, health: Health) -> Health:
    """Begin to write a table and abort: checks that the database exists and that tables may be created and dropped."""
    table = TableName(database=database, table="datacenter_check")
    write_id = tables.begin_write(table, pa.schema([("id", pa.int64())]), keep_parts=True)
    tables.abort_write(table, write_id)
    return Health(ok=True, detail=f"{health.detail.rstrip('.')}; tables can be kept in {database}")
