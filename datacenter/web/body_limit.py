"""The largest JSON body that is read; uploads have a limit of their own."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.errors import TooLarge
from datacenter.web.problems import problem


class BodyLimit:
    """ASGI middleware: 413 for a body over `limit_bytes`, announced or not, except at addresses that are `exempt`."""

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
        arrived = 0

        async def receive_within_limit() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._limit_bytes:
                # FastAPI passes an HTTPException on; another error it would report as a body it cannot parse.
                raise HTTPException(413, detail)
            return message

        await self._app(scope, receive_within_limit, send)
