"""Bytes as a response: whole, one range, only the headers, or not again."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from datacenter.web.problems import problem
from datacenter.web.ranges import Span, Unsatisfiable, is_known, requested_span


@dataclass(frozen=True, kw_only=True)
class Representation:
    """Bytes that are read when they are asked for. `etag` is quoted and strong: it names exactly these bytes."""

    size_bytes: int
    etag: str
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]
    """Called with start and stop. What it raises before its first chunk becomes a problem, not a broken connection."""
    headers: Mapping[str, str] = field(default_factory=dict)


def respond(request: Request, representation: Representation) -> Response:
    """Answer GET and HEAD; called in a thread, where the first chunk is read."""
    size = representation.size_bytes
    headers = {"ETag": representation.etag, "Accept-Ranges": "bytes", **representation.headers}
    if is_known(request.headers, representation.etag):
        return Response(status_code=304, headers=headers)
    status, span = 200, Span(start=0, stop=size)
    if request.method == "GET":
        try:
            asked = requested_span(request.headers, size_bytes=size, etag=representation.etag)
        except Unsatisfiable:
            return problem(
                416,
                "RANGE_NOT_SATISFIABLE",
                f"Range: there are {size} bytes",
                headers={"Content-Range": f"bytes */{size}"},
            )
        if asked:
            status, span = 206, asked
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    headers["Content-Length"] = str(span.stop - span.start)
    if request.method == "HEAD" or span.stop == span.start:
        return Response(status_code=status, headers=headers, media_type=representation.media_type)
    chunks = _primed(representation.read(span.start, span.stop))
    return StreamingResponse(
        _closing(chunks), status_code=status, headers=headers, media_type=representation.media_type
    )


def _primed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, the first of which has been read: from here on errors can only break the connection."""
    try:
        first = next(chunks)
    except StopIteration:
        return iter(())
    return _Chained(first, chunks)


class _Chained(Iterator[bytes]):
    """`itertools.chain` that can be closed."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._all = chain((first,), rest)
        self._rest = rest

    def __next__(self) -> bytes:
        return next(self._all)

    def close(self) -> None:
        close = getattr(self._rest, "close", None)
        if close is not None:
            close()


async def _closing(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read in a thread; release what the reader holds also when the client goes away in the middle."""
    try:
        async for chunk in iterate_in_threadpool(chunks):
            yield chunk
    finally:
        if isinstance(chunks, _Chained):
            chunks.close()
