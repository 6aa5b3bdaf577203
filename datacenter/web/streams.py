"""Bytes as a response: the whole, one range, only the headers, or 304."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import quote

from anyio import CapacityLimiter
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.datastructures import Headers

from datacenter.web.problems import problem
from datacenter.web.shares import allowance_of
from datacenter.web.threads import Threads, iterate_in_threads


@dataclass(frozen=True, kw_only=True)
class Representation:
    """Bytes that are read on request. `etag` is quoted and strong: it identifies exactly these bytes."""

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
    if not is_expected(request.headers, representation.etag):
        return problem(
            412,
            "PRECONDITION_FAILED",
            f"If-Match: the content has the ETag {representation.etag}",
            headers={"ETag": representation.etag},
        )
    if is_known(request.headers, representation.etag):
        return Response(status_code=304, headers=headers)
    status, span = 200, ByteSpan(start=0, stop=size)
    if request.method == "GET":
        try:
            asked = requested_span(request.headers, size_bytes=size, etag=representation.etag)
        except Unsatisfiable:
            return problem(
                416,
                "RANGE_NOT_SATISFIABLE",
                f"Range: not within the {size} bytes of the content",
                headers={"Content-Range": f"bytes */{size}"},
            )
        if asked:
            status, span = 206, asked
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    headers["Content-Length"] = str(span.stop - span.start)
    if request.method == "HEAD" or span.stop == span.start:
        return Response(status_code=status, headers=headers, media_type=representation.media_type)
    allowance_of(request.scope).require_bytes(min(span.stop - span.start, BUFFERED_BYTES))
    chunks = _primed(representation.read(span.start, span.stop))
    threads: Threads = request.app.state.threads
    return StreamingResponse(
        _closing(chunks, threads.chunks),
        status_code=status,
        headers=headers,
        media_type=representation.media_type,
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


async def _closing(chunks: Iterator[bytes], threads: CapacityLimiter) -> AsyncIterator[bytes]:
    """Read in a thread; close the reader even if the client disconnects in the middle."""
    try:
        async for chunk in iterate_in_threads(threads, chunks):
            yield chunk
    finally:
        if isinstance(chunks, _Chained):
            chunks.close()


BUFFERED_BYTES = 2 << 20
"""The most of a response that is in memory: a chunk that is being sent and one that is being read."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
OUTSIDE_FALLBACK = re.compile(r'[^ -~]|["\\%/]')
"""What old clients cannot read in a quoted string, or would misread."""


def attachment(filename: str) -> str:
    """`attachment` with the name in UTF-8 and an ASCII fallback; control characters are replaced."""
    name = UNPRINTABLE.sub("_", filename).strip() or "download"
    fallback = OUTSIDE_FALLBACK.sub("_", name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"


ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
WEAK_OR_STRONG_TAG = re.compile(r'(W/)?("[^"]*")')
MAX_DIGITS = 19
"""Longer numbers are larger than any object, and slow to parse with thousands of digits."""


@dataclass(frozen=True, kw_only=True)
class ByteSpan:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """The range begins after the last byte, or is empty."""


def requested_span(headers: Headers, *, size_bytes: int, etag: str) -> ByteSpan | None:
    """The span a GET asks for, or None for the whole.

    Several ranges, other units and malformed headers are answered with the whole, as the standard allows;
    so is a range whose If-Range names another state of the object, or a date, which is never a strong validator here.

    Raises:
        Unsatisfiable
    """
    text = headers.get("range")
    if text is None or headers.get("if-range", etag).strip() != etag:
        return None
    return parse_range(text, size_bytes)


def parse_range(text: str, size_bytes: int) -> ByteSpan | None:
    """Read one `bytes=first-last`, `bytes=first-` or `bytes=-count`. Raises: Unsatisfiable."""
    match = ONE_RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last = match.groups()
    if first == last == "" or max(len(first), len(last)) > MAX_DIGITS:
        return None
    if not first:
        count = min(int(last), size_bytes)
        if count == 0:
            raise Unsatisfiable
        return ByteSpan(start=size_bytes - count, stop=size_bytes)
    start = int(first)
    stop = min(int(last) + 1, size_bytes) if last else size_bytes
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise Unsatisfiable
    return ByteSpan(start=start, stop=stop)


def is_known(headers: Headers, etag: str) -> bool:
    """Whether the client already has these bytes, by If-None-Match."""
    text = headers.get("if-none-match", "")
    return text.strip() == "*" or etag in ENTITY_TAG.findall(text)


def is_expected(headers: Headers, etag: str) -> bool:
    """Whether these are the bytes that the client asks for, by If-Match; a weak ETag names no exact bytes."""
    lines = headers.getlist("if-match")
    if not lines:
        return True
    text = ", ".join(lines)
    return text.strip() == "*" or ("", etag) in WEAK_OR_STRONG_TAG.findall(text)
