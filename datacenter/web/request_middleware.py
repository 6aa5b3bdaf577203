"""Middleware for every request: request id, security headers, metrics, and no stack trace in a response."""

import re
import time
from typing import Protocol

import structlog
import uuid_utils
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.observability.context import serving
from datacenter.observability.tracing import Attributes
from datacenter.web.calls import API
from datacenter.web.problems import route_of, unexpected

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""A client's own id is used if it is harmless in a log and in a header."""
UNLOGGED = frozenset(prefix + page for prefix in ("", API) for page in ("/healthz", "/readyz", "/metrics"))
"""Requested every few seconds, so not logged."""
log = structlog.get_logger(__name__)


class RequestObserver(Protocol):
    """Gets every finished request."""

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the pattern, never the path: one metric per id would grow without end."""


class RequestMiddleware:
    """ASGI middleware, the outermost of ours, so that it covers a crash too."""

    def __init__(self, app: ASGIApp, observer: RequestObserver) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        parent = headers.get("traceparent")
        with serving(request_id, method=_method(scope), parent=parent) as span:
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                log.exception("request failed", method=_method(scope), route=route_of(scope))
                if status:
                    raise  # the response has begun: only a broken connection can show that it is incomplete
                await unexpected()(scope, receive, send_with_headers)
            finally:
                route = route_of(scope)
                attributes: Attributes = {"http.route": route, "http.response.status_code": status}
                span.set_attributes(attributes, name=f"{_method(scope)} {route}")
                seconds = time.perf_counter() - began
                self._record(_method(scope), route_of(scope), status, seconds)

    def _record(self, method: str, route: str, status: int, seconds: float) -> None:
        self._observer.observe(method=method, route=route, status=status, seconds=seconds)
        if route not in UNLOGGED:
            log.info("request", method=method, route=route, status=status, seconds=round(seconds, 4))


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
