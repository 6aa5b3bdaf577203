"""Batches: run blocking work on a stream of items in a few threads, with a bounded number of items in flight."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def cut_batches(
    items: Iterable[ItemT],
    *,
    max_items: int,
    max_bytes: int = 0,
    size_bytes: Callable[[ItemT], int] | None = None,
) -> Iterator[list[ItemT]]:
    """Cut a stream into lists of at most `max_items`, closed early once they weigh `max_bytes`, if given."""
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
    work: Callable[[list[ItemT]], Iterable[ResultT]], batches: Iterator[list[ItemT]], *, threads: int
) -> Iterator[ResultT]:
    """Yield the results of `work` on each batch, in the order of the batches.

    At most `2 * threads` batches are in flight, so memory is bounded whatever the stream's length. The stream
    is read in the caller's thread only. A stream of one batch, or `threads` of 1, costs no thread at all.
    """
    first = next(batches, None)
    if first is None:
        return
    second = next(batches, None) if threads > 1 else None
    if second is None:
        yield from work(first)
        for batch in batches:
            yield from work(batch)
        return
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Iterable[ResultT]]] = deque(
            (pool.submit(work, first), pool.submit(work, second))
        )
        try:
            for batch in batches:
                pending.append(pool.submit(work, batch))
                if len(pending) >= 2 * threads:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
