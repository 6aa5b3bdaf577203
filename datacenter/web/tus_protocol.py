"""What the tus protocol asks of every exchange, refusals too: its version in the answer, and methods said in a header."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.web.tus_headers import VERSION

OVERRIDDEN = frozenset({"PATCH", "DELETE", "HEAD"})


class TusProtocol:
    """ASGI middleware for the addresses at and below `path`.

    The protocol lets a client behind a narrow proxy say PATCH or DELETE in a POST.
    """

    def __init__(self, app: ASGIApp, *, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self._path}/"):
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
