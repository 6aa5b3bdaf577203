"""Batches: run blocking work on a stream of items in a few threads, with a bounded number of items in flight."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, thread_time
from typing import TypeVar

WORTH_THREADS = timedelta(milliseconds=50)
MAX_BYTES = 32 * 1024 * 1024
"""Default limit of the bytes in flight: enough for any network, and small beside the process itself."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def cut_batches(
    items: Iterable[ItemT],
    *,
    max_items: int,
    max_bytes: int = 0,
    size_bytes: Callable[[ItemT], int] | None = None,
) -> Iterator[list[ItemT]]:
    """Cut a stream into lists of at most `max_items`, closed early once they have `max_bytes`, if given."""
    batch: list[ItemT] = []
    weight = 0
    for item in items:
        batch.append(item)
        if size_bytes is not None:
            weight += size_bytes(item)
        if len(batch) >= max_items or (size_bytes is not None and weight >= max_bytes):
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def run_batches(
    work: Callable[[list[ItemT]], Iterable[ResultT]],
    batches: Iterator[list[ItemT]],
    *,
    threads: int,
    begin_alone: bool = True,
    size_bytes: Callable[[ItemT], int] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Iterator[ResultT]:
    """Yield the results of `work` on each batch, in the order of the batches.

    Begins in the caller's thread and stays there as long as the work keeps the processor busy: local files
    from one thread cost half of what they cost from four. Once a batch has waited (wall time less processor
    time) `WORTH_THREADS`, as over a network, the rest runs in `threads` threads, at most twice as many
    batches in flight, so memory is bounded however long the stream is; fewer if together they have more than
    `max_bytes`. The stream is read in the caller's thread only. Without `begin_alone`, for work that is known
    to wait, the threads start at once.
    """
    for batch in batches if begin_alone else ():
        begun, busy = monotonic(), thread_time()
        results = work(batch)
        waited = (monotonic() - begun) - (thread_time() - busy)
        yield from results
        if threads > 1 and waited > WORTH_THREADS.total_seconds():
            break
    with ThreadPoolExecutor(threads) as pool:  # starts no thread before there is work
        pending: deque[tuple[Future[Iterable[ResultT]], int]] = deque()
        ahead_bytes = 0
        try:
            for batch in batches:
                weight = sum(map(size_bytes, batch)) if size_bytes is not None else 0
                while pending and (len(pending) >= 2 * threads or ahead_bytes + weight > max_bytes):
                    future, done_bytes = pending.popleft()
                    yield from future.result()
                    ahead_bytes -= done_bytes
                pending.append((pool.submit(work, batch), weight))
                ahead_bytes += weight
            while pending:
                yield from pending.popleft()[0].result()
        finally:
            for future, _ in pending:
                future.cancel()
