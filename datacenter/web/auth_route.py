"""The route classes: reject unknown query parameters, and check the token before the body is read."""

from collections.abc import Callable, Collection, Coroutine, Iterator
from difflib import get_close_matches
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from datacenter.access.audit import Act, Asker, record
from datacenter.access.tokens import Principal, authenticate, note_use
from datacenter.errors import DataCentreError, Forbidden, Invalid, Unauthenticated
from datacenter.observability.context import acting
from datacenter.web.admission import Limits, Turns
from datacenter.web.calls import BEARER, asker_of, authorized, resources_of
from datacenter.web.once_per import OncePer
from datacenter.web.roles import operation_id_of, require
from datacenter.web.shares import Caller, allowance_of
from datacenter.web.threads import Threads, in_thread

log = structlog.get_logger(__name__)
MAX_SHOWN = 64
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
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
        operation = operation_id_of(self)
        reads_body = bool((self.methods or set()) & WITH_BODY)

        async def handle_known(request: Request) -> Response:
            credentials = await BEARER(request)
            if credentials is None:
                raise Unauthenticated("Authorization: a bearer token is required")
            threads: Threads = request.app.state.threads
            principal = None
            try:
                principal = await in_thread(
                    threads.authentication, _principal, request, credentials.credentials
                )
                require(principal, operation)
            except (Unauthenticated, Forbidden) as error:
                asker = asker_of(request, principal)
                await in_thread(threads.authentication, _note_refusal, request, asker, operation, error)
                raise
            acting(principal.name, subject=principal.subject, project=principal.project_name)
            request.state.principal = principal
            caller = Caller(name=principal.subject, group=principal.project_id)
            limits: Limits = request.app.state.limits
            limits.identify(allowance_of(request.scope), caller, operation, operator=principal.operator)
            if operation.startswith("tus_"):
                # A tus body may take hours, and has threads of its own.
                return await handle(request)
            if reads_body:
                # Before the turn: a slow client holds no thread.
                await _read_body(request)
            if principal.operator:
                return await handle(request)
            turns: Turns = request.app.state.turns
            async with turns.turn(caller):
                return await handle(request)

        return handle_known


async def _read_body(request: Request) -> None:
    """Read the body, which FastAPI finds on the request then."""
    try:
        await request.body()
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended too early") from error


def _needs_caller(dependant: Dependant) -> bool:
    return dependant.call is authorized or any(map(_needs_caller, dependant.dependencies))


def _principal(request: Request, secret: str) -> Principal:
    database = resources_of(request).database
    with database.reading() as session:
        principal = authenticate(session, secret)
    uses: OncePer = request.app.state.token_uses
    if uses.is_due(principal.subject):
        try:
            database.run(lambda session: note_use(session, principal))
        except SQLAlchemyError as error:
            # A database that can be read only must not stop the requests that only read.
            log.warning("the use of a token could not be written", reason=type(error).__name__)
    return principal


def _note_refusal(request: Request, asker: Asker, operation: str, error: DataCentreError) -> None:
    """Add it to the audit, but not more often than once a minute for the same client and operation."""
    refusals: OncePer = request.app.state.refusals
    if not refusals.is_due(f"{asker.address} {asker.subject} {operation} {error.code}"):
        return
    act = Act(action=operation, result=error.code)
    try:
        resources_of(request).database.run(lambda session: record(session, asker, act))
    except SQLAlchemyError as failure:
        log.warning("a refused request could not be added to the audit", reason=type(failure).__name__)
