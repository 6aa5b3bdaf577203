"""Which bytes a request is for: Range, If-Range and If-None-Match (RFC 9110, sections 13 and 14)."""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
MOST_DIGITS = 19
"""Longer numbers are beyond any object, and slow to read when they are thousands of digits long."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """The range begins after the last byte, or is of no bytes at all."""


def requested_span(headers: Headers, *, size_bytes: int, etag: str) -> Span | None:
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


def parse_range(text: str, size_bytes: int) -> Span | None:
    """Read one `bytes=first-last`, `bytes=first-` or `bytes=-count`. Raises: Unsatisfiable."""
    match = ONE_RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last = match.groups()
    if first == last == "" or max(len(first), len(last)) > MOST_DIGITS:
        return None
    if not first:
        count = min(int(last), size_bytes)
        if count == 0:
            raise Unsatisfiable
        return Span(start=size_bytes - count, stop=size_bytes)
    start = int(first)
    stop = min(int(last) + 1, size_bytes) if last else size_bytes
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise Unsatisfiable
    return Span(start=start, stop=stop)


def is_known(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match says that the client has this state already."""
    text = headers.get("if-none-match", "")
    return text.strip() == "*" or etag in ENTITY_TAG.findall(text)
