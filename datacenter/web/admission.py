"""Admission: as many requests at once as the server can serve well; the next one is told to come back."""

from starlette.types import ASGIApp, Receive, Scope, Send

from datacenter.web.problems import too_busy


class Admission:
    """ASGI middleware: 503 for a request over `limit` that are being served, except for those that ask for health."""

    def __init__(self, app: ASGIApp, *, limit: int, exempt: frozenset[str]) -> None:
        self._app = app
        self._limit = limit
        self._exempt = exempt
        # Counted on the event loop only, so no lock is needed.
        self._served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        if self._served >= self._limit:
            await too_busy()(scope, receive, send)
            return
        self._served += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._served -= 1
