"""Connections: what a client may send before the application sees a request, how much of it, and how slowly.

uvicorn and httptools parse requests, but bound neither the head of a request nor the time it takes: one connection could
take all memory of the process with headers that never end.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
import uuid_utils
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from datacenter.web.addresses import UNKNOWN, Proxies, one_client
from datacenter.web.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS
from datacenter.web.request_middleware import RequestObserver
from datacenter.web.shares import Caller, Shares

REQUEST_LINE_BYTES = 16 << 10
"""A path or prefix of 1,024 Chinese characters takes 9 KiB in a URL."""
HEADER_BYTES = 16 << 10
HEADERS_BYTES = 32 << 10
"""All headers of a request, and its trailers."""
HEADERS = 128
FRUITLESS_BYTES = 64 << 10
"""Bytes in a row that complete no head and carry no body: spaces, unfinished headers, extensions of chunks."""
PIPELINED = 16
"""Requests that wait behind another one on the same connection."""
HEAD_READ_BYTES = 16 << 10
"""Read at once before the application asks for the body: an unread body takes no more memory than this."""
BODY_READ_BYTES = 256 << 10
HEAD_SECONDS = 20
"""From the connection, or the previous response, until the headers are complete."""
PRESSED_HEAD_SECONDS = 3
"""The same while more than half of all connections are open."""
BODY_SECONDS = 30
BODY_BYTES_PER_SECOND = 100
"""A body that is slower than this for `BODY_SECONDS` stands still; so does one of a byte a second."""
READER_SECONDS = 120
"""A client that takes no byte of a response for this long has gone."""
LINGER_SECONDS = 2
LINGER_BYTES = 1 << 20
"""What is still read after a refusal: a connection closed over unread bytes is reset, and the answer lost."""
CLIENT_SHARE = 4
"""One address may have a quarter of all connections."""
CROWD = 1.1
"""Up to so many times the limit, a connection too many gets an answer."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A problem that is answered before the application sees the request; the connection is closed."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None

    def response(self) -> bytes:
        """The whole response."""
        body = json.dumps(
            {
                "type": f"urn:datacenter:problem:{self.code.lower().replace('_', '-')}",
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
            }
        ).encode()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {MEDIA_TYPE}",
            f"Content-Length: {len(body)}",
            f"X-Request-ID: {uuid_utils.uuid7()}",
            "X-Content-Type-Options: nosniff",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if self.retry_after is not None:
            lines.append(f"Retry-After: {self.retry_after}")
        return "\r\n".join([*lines, "\r\n"]).encode() + body


def _too_large(what: str, limit: str) -> Refusal:
    return Refusal(
        status=431, code="REQUEST_HEADER_FIELDS_TOO_LARGE", detail=f"{what}: at most {limit} are accepted"
    )


LONG_LINE = _too_large("the request line", f"{REQUEST_LINE_BYTES} bytes")
LONG_HEADER = _too_large("a header", f"{HEADER_BYTES} bytes")
LONG_HEADERS = _too_large("all headers together", f"{HEADERS_BYTES} bytes")
MANY_HEADERS = _too_large("headers", f"{HEADERS}")
FRUITLESS = _too_large("bytes without a complete header or a body", f"{FRUITLESS_BYTES} bytes")
SLOW_HEAD = Refusal(
    status=408, code="REQUEST_TIMEOUT", detail=f"the headers were not complete within {HEAD_SECONDS} seconds"
)
SLOW_BODY = Refusal(
    status=408, code="REQUEST_TIMEOUT", detail=f"no more of the body arrived within {BODY_SECONDS} seconds"
)
MALFORMED = Refusal(status=400, code="BAD_REQUEST", detail="this is not an HTTP/1.1 request")
CROWDED = Refusal(
    status=503,
    code="TOO_BUSY",
    detail="too many connections at the same time; try again later",
    retry_after=RETRY_AFTER_SECONDS,
)


class Doors:
    """What all connections share: how many there are by address, and the bytes of heads that are not complete."""

    def __init__(self, *, limit: int, heads: Shares, proxies: Proxies, observer: RequestObserver) -> None:
        self.limit = limit
        self.proxies = proxies
        self.heads = heads
        self.open: set[BoundedHttp] = set()
        self._observer = observer
        self._by_client: Counter[str] = Counter()

    def enter(self, connection: "BoundedHttp") -> bool:
        """Let a connection in, unless there are too many, or too many of its client."""
        client = connection.caller.name
        if len(self.open) >= self.limit:
            return False
        if self._by_client[client] >= self.limit // CLIENT_SHARE and not connection.by_proxy:
            return False
        self._by_client[client] += 1
        self.open.add(connection)
        return True

    def leave(self, connection: "BoundedHttp") -> None:
        """A connection that was let in has ended."""
        self.open.remove(connection)
        client = connection.caller.name
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]

    def refused(self, refusal: Refusal) -> None:
        """Count an answer that the application does not see."""
        self._observer.observe(method="OTHER", route="unparsed", status=refusal.status, seconds=0)

    def sweep(self, moment: float) -> None:
        """Close the connections that are too slow; called every second."""
        pressed = len(self.open) > self.limit // 2
        patience = PRESSED_HEAD_SECONDS if pressed else HEAD_SECONDS
        for connection in list(self.open):
            connection.check(moment, patience)


class Connection(asyncio.BufferedProtocol):
    """One connection of the server: reads little before the application asks for the body, and copies nothing then."""

    _head_buffer = memoryview(bytearray(HEAD_READ_BYTES))
    _body_buffer = memoryview(bytearray(BODY_READ_BYTES))
    # Shared: uvloop fills one and hands it over in the same step.

    def __init__(self, doors: Doors, **uvicorn: Any) -> None:
        self._http = BoundedHttp(doors, **uvicorn)
        self._buffer = self._head_buffer
        self.connection_made = self._http.connection_made  # type: ignore[method-assign,assignment]  # one call less for each event
        self.connection_lost = self._http.connection_lost  # type: ignore[method-assign]  # the same
        self.pause_writing = self._http.pause_writing  # type: ignore[method-assign]  # the same
        self.resume_writing = self._http.resume_writing  # type: ignore[method-assign]  # the same
        self.eof_received = self._http.eof_received  # type: ignore[method-assign]  # the same

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        http = self._http
        self._buffer = self._body_buffer if http.in_body and http.cycle.more_body else self._head_buffer
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have arrived there."""
        self._http.data_received(self._buffer[:nbytes])


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol for a connection, with bounds."""

    def __init__(
        self,
        doors: Doors,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._doors = doors
        self.caller = Caller(name=UNKNOWN)
        self.by_proxy = False
        self.in_body = False
        """The application reads a body, so bytes may come in large pieces."""
        self._entered = False
        self._head_began: float | None = None
        """Since when the head of a request is awaited; None while one is served."""
        self._head_bytes = 0
        self._header_count = 0
        self._head_complete = True
        """Whether what follows is a body or the next request, and not more of a head."""
        self._fruits = 0
        """Grows with every complete head and every byte of a body."""
        self._fruitless_bytes = 0
        self._counted_bytes = 0
        """What this connection holds of the bytes of unfinished heads."""
        self._body_bytes = 0
        self._swept_bytes = 0
        self._still_since: float | None = None
        self._unread_since: float | None = None
        self._unread_bytes = 0
        self._fault = MALFORMED
        self._ended = False
        """Nothing that still arrives is read."""
        self._refused_at: float | None = None
        self._discarded_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Let the connection in, or refuse it."""
        super().connection_made(transport)
        address = self.client[0] if self.client else UNKNOWN
        self.caller = Caller(name=one_client(address))
        self.by_proxy = self._doors.proxies.trusts(address)
        self._entered = self._doors.enter(self)
        if self._entered:
            self._head_began = self.loop.time()
            return
        self._refuse(CROWDED)
        if len(self.connections) > self._doors.limit * CROWD:
            transport.abort()
        else:
            self.loop.call_later(LINGER_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._entered:
            self._entered = False
            self._doors.leave(self)
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse what has arrived."""
        if self._ended:
            self._discard(len(data))
            return
        self._unset_keepalive_if_required()
        fruits = self._fruits
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(self._fault)
            return
        except httptools.HttpParserUpgrade:
            # Answered as if no upgrade were asked for; what follows may be another protocol.
            if self.cycle is not None:
                self.cycle.keep_alive = False
        if self._fruits != fruits:
            self._fruitless_bytes = 0
            if self._counted_bytes:
                self._forget_head()
            if not self._head_complete:
                self._count_head(len(data))
            elif not self.in_body and self.cycle.more_body:
                # The application has not begun yet; uvicorn reads on when it asks for the body.
                self.in_body = True
                self.flow.pause_reading()
            return
        self._fruitless_bytes += len(data)
        if self._fruitless_bytes > FRUITLESS_BYTES:
            self._refuse(FRUITLESS)
        else:
            self._count_head(len(data))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes = self._header_count = 0
        self._head_complete = self.in_body = False

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        if len(self.url) + len(url) > REQUEST_LINE_BYTES:
            self._stop(LONG_LINE)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which has no meaning here: as a header it could replace one that was checked."""
        size = len(name) + len(value)
        self._head_bytes += size
        self._header_count += 1
        if size > HEADER_BYTES:
            self._stop(LONG_HEADER)
        if self._head_bytes > HEADERS_BYTES:
            self._stop(LONG_HEADERS)
        if self._header_count > HEADERS:
            self._stop(MANY_HEADERS)
        if not self._head_complete:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: serve the request, or let it wait behind the present one."""
        if len(self.pipeline) >= PIPELINED:
            self._stop(CROWDED)
        self._fruits += 1
        self._head_complete = True
        self._head_began = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        size = len(body)
        self._fruits += size
        self._body_bytes += size
        super().on_body(body)

    def on_response_complete(self) -> None:
        """The response is written: the next request may come."""
        super().on_response_complete()
        if self.cycle.response_complete:
            # What the application did not read of the body.
            self.cycle.body = bytearray()
            self._head_began = self.loop.time()

    def check(self, moment: float, head_seconds: float) -> None:
        """Refuse or close a connection that is too slow."""
        if self._refused_at is not None:
            if moment - self._refused_at > LINGER_SECONDS:
                self.transport.abort()
        elif self._head_began is not None:
            if moment - self._head_began > head_seconds:
                if self._fruitless_bytes and not self._pending():
                    self._refuse(SLOW_HEAD)
                else:
                    self.transport.close()
        elif self._is_body_still(moment):
            self._refuse(SLOW_BODY)
        elif self._is_reader_gone(moment):
            self.transport.abort()

    def _is_body_still(self, moment: float) -> bool:
        """Whether the application has waited for the body for too long."""
        cycle = self.cycle
        if cycle is None or not cycle.more_body or self.flow.read_paused or cycle.waiting_for_100_continue:
            self._still_since = None
            return False
        arrived = self._body_bytes - self._swept_bytes
        self._swept_bytes = self._body_bytes
        if self._still_since is None or arrived >= BODY_BYTES_PER_SECOND:
            self._still_since = moment
        return moment - self._still_since > BODY_SECONDS

    def _is_reader_gone(self, moment: float) -> bool:
        """Whether the client has taken nothing of a response for too long."""
        if not self.flow.write_paused:
            self._unread_since = None
            return False
        unread = self.transport.get_write_buffer_size()
        if self._unread_since is None or unread != self._unread_bytes:
            self._unread_since, self._unread_bytes = moment, unread
        return moment - self._unread_since > READER_SECONDS

    def _stop(self, refusal: Refusal) -> None:
        """Stop the parser in the middle of what it reads."""
        self._fault = refusal
        raise ValueError(refusal.detail)

    def _pending(self) -> bool:
        """Whether an earlier request, or this one, is being answered: a refusal now would be taken for that answer."""
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and not self.pipeline):
            return False
        return bool(self.pipeline) or cycle.response_started or not cycle.more_body

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a problem and close; if earlier requests are being answered, close after them."""
        if self._ended or self.transport.is_closing():
            return
        self._doors.refused(refusal)
        self._ended = True
        self._forget_head()
        cycle = self.cycle
        if self._pending():
            # The newest is at the left.
            last = self.pipeline[0][0] if self.pipeline else cycle
            last.keep_alive = False
            if last.more_body:
                self.transport.abort()
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self._refused_at = self.loop.time()
        self.transport.write(refusal.response())
        self.flow.resume_reading()
        self.transport.write_eof()

    def _discard(self, size_bytes: int) -> None:
        """Throw away what arrives after the end; while answers are being sent, let the client wait."""
        self._discarded_bytes += size_bytes
        if self._refused_at is None:
            self.transport.pause_reading()
        elif self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def _count_head(self, size_bytes: int) -> None:
        """Count bytes that the parser may keep until it knows more."""
        if self._doors.heads.take(self.caller, size_bytes):
            self._counted_bytes += size_bytes
        else:
            self._refuse(CROWDED)

    def _forget_head(self) -> None:
        """Return the bytes that were counted for an unfinished head."""
        if self._counted_bytes:
            self._doors.heads.give_back(self.caller, self._counted_bytes)
            self._counted_bytes = 0
