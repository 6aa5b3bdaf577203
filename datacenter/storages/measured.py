"""Measured: a storage whose calls are counted and timed, whichever contract it keeps.

What is timed is how long the caller waits for the storage. A call that streams is waited for piece by piece: the
time in which its caller works on a piece is not the storage's, nor is the time in which the caller makes what it
hands over, such as the chunks of a part that come from another storage.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from types import MethodType
from typing import Any

from datacenter.metrics import Metrics
from datacenter.tracing import tracer
from storage_adapters.errors import StorageError

READ: Mapping[str, Callable[[Any], int]] = {
    "read_ranges": len,
    "read_partition": lambda batch: batch.nbytes,
    "read_query": lambda batch: batch.nbytes,
}
"""Bytes in what a call yields."""
WRITTEN: Mapping[str, Callable[[Any], int]] = {
    "put_many": lambda outcome: 0 if outcome.error else outcome.size_bytes,
    "upload_part": lambda part: part.length,
}
"""Bytes that a call has written, from its answer or from what it yields."""
COUNTED_BYTES = 8 << 20
"""Counted together, for most pieces are small."""
YIELDS_OUTCOMES = frozenset({"put_many", "delete", "delete_prefix"})


class MeasuredStorage:
    """Passes each call on."""

    def __init__(self, storage: object, name: str, metrics: Metrics) -> None:
        self._storage = storage
        self._name = name
        self._metrics = metrics

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._storage, attribute)
        if not isinstance(found, (MethodType, partial)):
            return found
        return partial(self._call, attribute, found)

    def _call(self, operation: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        call = _Call(self._name, operation, self._metrics)
        handed = [call.handed(each) if isinstance(each, Iterator) else each for each in arguments]
        try:
            answer = call.wait_for(lambda: method(*handed, **named))
        except BaseException:
            call.end()
            raise
        if isinstance(answer, Iterator):
            return self._each(call, answer)
        call.saw(answer)
        call.end()
        return answer

    def _each(self, call: "_Call", answers: Iterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    answer = call.wait_for(answers.__next__)
                except StopIteration:
                    return
                call.saw(answer)
                yield answer
        finally:
            if isinstance(answers, Generator):
                answers.close()  # a stream that is left early lets its server go now
            call.end()


class _Call:
    """One call, from its beginning to the end of what it yields."""

    def __init__(self, storage: str, operation: str, metrics: Metrics) -> None:
        self._storage = storage
        self._operation = operation
        self._metrics = metrics
        self._read, self._written = READ.get(operation), WRITTEN.get(operation)
        self._has_outcomes = operation in YIELDS_OUTCOMES
        self._seconds = 0.0
        self._bytes = 0
        self._failure: str | None = None
        self._span = tracer().begin(operation, {"datacenter.storage.name": storage})

    def wait_for(self, work: Callable[[], Any]) -> Any:
        """Do work of the storage, and count its failure if it fails."""
        began = time.perf_counter()
        try:
            return work()
        except StorageError as error:
            self._failed(error)
            raise
        finally:
            self._seconds += time.perf_counter() - began

    def handed(self, items: Iterator[Any]) -> Iterator[Any]:
        """What the caller hands over; making it is the caller's time, in which the storage waits."""
        while True:
            began = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._seconds -= time.perf_counter() - began
            yield item

    def saw(self, answer: Any) -> None:
        """Count what an answer, or a piece of it, tells."""
        moved = self._read or self._written
        if moved is not None:
            self._bytes += moved(answer)
            if self._bytes >= COUNTED_BYTES:
                self._count_bytes()
        if self._has_outcomes:
            for outcome in answer if isinstance(answer, list) else (answer,):
                if isinstance(outcome.error, StorageError):
                    self._failed(outcome.error)

    def end(self) -> None:
        """The call is over."""
        self._count_bytes()
        # A storage that takes what it is handed in threads of its own waits for it beside its caller.
        seconds = max(0.0, self._seconds)
        self._metrics.storage_seconds.labels(self._storage, self._operation).observe(seconds)
        self._span.tell({"datacenter.storage.waited_us": int(seconds * 1e6)})
        self._span.end(self._failure)

    def _count_bytes(self) -> None:
        moved, self._bytes = self._bytes, 0
        if self._read is not None:
            self._metrics.storage_read.labels(self._storage).inc(moved)
        elif self._written is not None:
            self._metrics.storage_written.labels(self._storage).inc(moved)

    def _failed(self, error: StorageError) -> None:
        # One that came from another storage, through what was handed over, was counted there.
        if error.storage in (None, self._storage):
            self._failure = error.code
            self._metrics.storage_errors.labels(self._storage, self._operation, error.code).inc()
