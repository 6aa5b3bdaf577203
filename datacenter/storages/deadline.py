"""Deadline: give up waiting for a storage that does not answer, so that whoever asked is told and can ask another."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import TypeVar

from datacenter.storages.named import naming
from storage_adapters.errors import StorageUnavailable

DEADLINE_SECONDS = 20.0
MOST_WAITING = 8

T = TypeVar("T")


class Deadline:
    """Calls to storages that end within a time. One that never answers costs so many threads and no more."""

    def __init__(self, seconds: float = DEADLINE_SECONDS, most_waiting: int = MOST_WAITING) -> None:
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
