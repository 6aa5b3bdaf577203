"""Threads for work of different kinds: one kind that hangs leaves the others theirs."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """The most threads of each kind, beside the 40 that run requests. Belongs to one event loop."""

    def __init__(self) -> None:
        self.authentication = CapacityLimiter(8)
        self.uploads = CapacityLimiter(24)
        """Each writes a piece of an upload."""
        self.chunks = CapacityLimiter(24)
        """Each reads a chunk of a response."""
        self.events = CapacityLimiter(4)
        """They look for news of jobs."""
        self.health = CapacityLimiter(2)


async def in_thread(limiter: CapacityLimiter, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a call in a thread of this kind."""
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)


async def iterate_in_threads(limiter: CapacityLimiter, chunks: Iterator[T]) -> AsyncIterator[T]:
    """Each chunk, read in a thread of this kind."""
    end = object()
    while (chunk := await in_thread(limiter, next, chunks, end)) is not end:
        yield chunk  # type: ignore[misc]  # it is not the end, so it is a T
