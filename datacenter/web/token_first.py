"""The token comes first: nothing of a request's body is read for a caller that nobody knows."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from starlette.concurrency import run_in_threadpool

from datacenter.access.tokens import Caller, authenticate
from datacenter.errors import Unauthenticated
from datacenter.web.calls import BEARER, authorized, resources_of
from datacenter.web.known_query import KnownQuery


class TokenFirst(KnownQuery):
    """A route that knows its caller before FastAPI reads the body, if it has the dependency `authorized`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the check."""
        handle = super().get_route_handler()
        if not _needs_caller(self.dependant):
            return handle

        async def handle_known(request: Request) -> Response:
            credentials = await BEARER(request)
            if credentials is None:
                raise Unauthenticated("Authorization: a bearer token is needed")
            request.state.caller = await run_in_threadpool(_caller, request, credentials.credentials)
            return await handle(request)

        return handle_known


def _needs_caller(dependant: Dependant) -> bool:
    return dependant.call is authorized or any(map(_needs_caller, dependant.dependencies))


def _caller(request: Request, secret: str) -> Caller:
    with resources_of(request).database.reading() as session:
        return authenticate(session, secret)
