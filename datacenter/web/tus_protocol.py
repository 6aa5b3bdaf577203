"""What the tus protocol asks of every exchange, refusals too: its version in the answer, and methods said in a header."""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.web.tus_headers import VERSION

OVERRIDDEN = frozenset({"PATCH", "DELETE", "HEAD"})


class TusProtocol:
    """ASGI middleware for the addresses where the protocol is spoken, `path` to begin an upload and those below it.

    The protocol lets a client behind a narrow proxy say PATCH or DELETE in a POST.
    """

    def __init__(self, app: ASGIApp, *, path: str, speaks: Callable[[str], bool]) -> None:
        self._app = app
        self._path = path
        self._speaks = speaks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("X-HTTP-Method-Override", "").upper()
        if scope["method"] == "POST" and scope["path"] != self._path and wanted in OVERRIDDEN:
            scope["method"] = wanted

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        await self._app(scope, receive, send_with_version)
