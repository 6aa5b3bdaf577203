"""The route classes: reject unknown query parameters, and check the token before the body is read."""

from collections.abc import Callable, Collection, Coroutine, Iterator
from difflib import get_close_matches
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import Match
from starlette.types import Scope

from datacenter.access.tokens import Caller, authenticate
from datacenter.errors import Invalid, Unauthenticated
from datacenter.web.calls import BEARER, authorized, resources_of

MAX_SHOWN = 64
ALIKE = 0.75
"""Similarity, at most 1: a letter too many or too few, not another word."""


class StrictQueryRoute(APIRoute):
    """A route that takes the query parameters it declares, and no others."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A fixed path such as `/datasets/preview` never matches `/datasets/{dataset_id}`, whatever the method."""
        if self.param_convertors and scope["path"] in scope["app"].state.fixed_paths:
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, called after the check."""
        handle = super().get_route_handler()
        known = sorted(_declared(self.dependant))

        async def handle_known(request: Request) -> Response:
            for name in request.query_params:
                if name not in known:
                    raise _unknown(name, known)
            return await handle(request)

        return handle_known


def _declared(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _declared(dependency)


def _unknown(name: str, known: Collection[str]) -> Invalid:
    shown = name[:MAX_SHOWN]
    similar = get_close_matches(shown, known, n=1, cutoff=ALIKE)
    cure = f"did you mean {similar[0]}?" if similar else f"known: {', '.join(known) or 'none'}"
    return Invalid(f"{shown}: unknown query parameter; {cure}", field=shown)


class AuthRoute(StrictQueryRoute):
    """A route that authenticates its caller before FastAPI reads the body, if it has the dependency `authorized`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, called after the check."""
        handle = super().get_route_handler()
        if not _needs_caller(self.dependant):
            return handle

        async def handle_known(request: Request) -> Response:
            credentials = await BEARER(request)
            if credentials is None:
                raise Unauthenticated("Authorization: a bearer token is required")
            request.state.caller = await run_in_threadpool(_caller, request, credentials.credentials)
            return await handle(request)

        return handle_known


def _needs_caller(dependant: Dependant) -> bool:
    return dependant.call is authorized or any(map(_needs_caller, dependant.dependencies))


def _caller(request: Request, secret: str) -> Caller:
    with resources_of(request).database.reading() as session:
        return authenticate(session, secret)
