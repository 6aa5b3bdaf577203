"""Admission: which requests are served at the same time, and the memory of their bodies."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.errors import TooLarge
from datacenter.web.addresses import Proxies, one_client
from datacenter.web.problems import TooBusy, problem, too_busy
from datacenter.web.shares import STATE, Allowance, Caller, Shares, allowance_of

MAX_REQUESTS = 1000
"""Simultaneous requests; event streams and downloads count until they end."""
OPERATOR_REQUESTS = 100
HEALTH_REQUESTS = 100
EVENT_STREAMS = 200
DOWNLOADS = 400
UPLOADS = 200
"""Requests that send bytes of an upload."""
KINDS: Mapping[str, str] = {
    "events_watch": "event streams",
    "dataset_files_read": "downloads",
    "dataset_files_read_manifest": "downloads",
    "links_fetch": "downloads",
    "tus_append": "uploads",
    "tus_create": "uploads",
}
"""Operations that last as long as the client likes, and what they count as beside requests."""
HEADS_SHARE = 16
"""This part of the bytes that may be buffered is for heads of requests that are not complete."""
PIECE_BYTES = 64
"""What an object of Python takes beside its bytes: a body may come in pieces of one byte."""
JSON_VALUE_BYTES = 80
"""An empty object of Python, with its place in a list; in JSON it takes 3 bytes."""
JSON_VALUES = 500_000
"""More than any request needs."""
JSON_MARKS = (b",", b"[", b"{", b":")
"""A value has one of these before it, or is the whole."""
ALL_TURNS = 36
"""Of the 40 threads that run requests."""
GROUP_TURNS = 24
CALLER_TURNS = 16


class Limits:
    """What the callers of one web process share."""

    def __init__(self, *, buffer_bytes: int, proxies: Proxies, health: frozenset[str]) -> None:
        heads_bytes = buffer_bytes // HEADS_SHARE
        self.heads = Shares("unfinished requests", heads_bytes)
        self.buffers = Shares("bytes in requests and responses", buffer_bytes - heads_bytes)
        self.requests = Shares("requests", MAX_REQUESTS)
        self.kinds = {
            of: Shares(of, limit)
            for of, limit in (
                ("event streams", EVENT_STREAMS),
                ("downloads", DOWNLOADS),
                ("uploads", UPLOADS),
            )
        }
        self.operators = Shares("requests", OPERATOR_REQUESTS)
        self.health = Shares("health checks", HEALTH_REQUESTS)
        self.proxies = proxies
        self._health_paths = health

    def admit(self, scope: Scope) -> Allowance:
        """A slot for a request whose caller is known by address only. Raises: TooBusy.

        If all are taken, a request with a token may still come from an operator.
        """
        allowance = Allowance(self.buffers, Caller(name=one_client(self.proxies.client_of(scope))))
        if scope["path"] in self._health_paths:
            allowance.require(self.health)
        elif not allowance.take(self.requests):
            if "authorization" not in Headers(scope=scope):
                raise TooBusy(self.requests.of)
            allowance.require(self.operators)
        scope.setdefault("state", {})[STATE] = allowance
        return allowance

    def identify(
        self, allowance: Allowance, caller: Caller, operation: str, *, operator: bool = False
    ) -> None:
        """Count a request for the one who was found to send it. Raises: TooBusy."""
        slots = (self.requests, self.operators) if operator else (self.requests,)
        allowance.become(caller)
        if not any(map(allowance.take, slots)):
            raise TooBusy(self.requests.of)
        if kind := KINDS.get(operation):
            allowance.require(self.kinds[kind])


class Turns:
    """Turns at the threads that do the work of requests: a storage that hangs for one caller leaves threads for others.

    Unlike slots, turns are waited for. The threads that all turns leave are for operators, who wait for none.
    """

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(ALL_TURNS)
        self._of: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncIterator[None]:
        """Wait for a turn of the caller, of its project, and of all."""
        group = caller.group or caller.name
        async with (
            self._turn_of(f"of {group}", GROUP_TURNS),
            self._turn_of(caller.name, CALLER_TURNS),
            self._all,
        ):
            yield

    @asynccontextmanager
    async def _turn_of(self, name: str, turns: int) -> AsyncIterator[None]:
        semaphore, users = self._of.get(name) or (asyncio.Semaphore(turns), 0)
        self._of[name] = semaphore, users + 1
        try:
            async with semaphore:
                yield
        finally:
            semaphore, users = self._of.pop(name)
            if users > 1:
                self._of[name] = semaphore, users - 1


class Admission:
    """ASGI middleware: 503 for a request over a limit; what an admitted one holds is returned when it ends."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            allowance = self._limits.admit(scope)
        except TooBusy as error:
            await too_busy(error)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            allowance.close()


class BodyLimit:
    """ASGI middleware: 413 for a body over `limit_bytes`, announced or not, except at addresses that are `exempt`.

    A body is counted as buffered until its request ends, with the objects that its JSON becomes.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int, exempt: Callable[[str], bool]) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        detail = f"the body is larger than {self._limit_bytes} bytes"
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit_bytes:
            await problem(413, TooLarge.code, detail)(scope, receive, send)
            return
        arrived = values = 0

        async def receive_within_limit() -> Message:
            nonlocal arrived, values
            message = await receive()
            body = message.get("body", b"")
            arrived += len(body)
            if arrived > self._limit_bytes:
                raise HTTPException(413, detail)
            if body:
                found = sum(map(body.count, JSON_MARKS))
                values += found
                if values > JSON_VALUES:
                    raise HTTPException(413, f"the body has more than {JSON_VALUES} values")
                # Once in pieces, and once as a whole.
                allowance_of(scope).require_bytes(2 * len(body) + PIECE_BYTES + JSON_VALUE_BYTES * found)
            return message

        await self._app(scope, receive_within_limit, send)
