"""A call: its caller, its transaction, its Idempotency-Key, and the doorbell after the commit."""

import copy
import hashlib
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Annotated, cast

import structlog
from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy.orm import Session

from datacenter.access.audit import Act, Asker, record
from datacenter.access.tokens import Principal
from datacenter.datasets.resources import Resources
from datacenter.ledger import idempotency
from datacenter.ledger.idempotency import KeyedRequest, StoredResponse
from datacenter.ledger.models import Job
from datacenter.ledger.outbox import ring_committed
from datacenter.observability.redaction import REDACTED
from datacenter.web.addresses import Proxies
from datacenter.web.roles import operation_id_of

log = structlog.get_logger(__name__)
API = "/api/v1"
BEARER = HTTPBearer(auto_error=False, description="An API token, as `Authorization: Bearer dc_…`.")

IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same request with the same key is done once; for a day, a repeat gets the stored response.",
    ),
]


MAX_WAITING_RINGS = 1_000
UNAUDITED = frozenset({"storage_contents_check"})
"""Requests that change nothing, although they have an Idempotency-Key."""


class Ringer:
    """Rings for committed jobs, one by one. If the queue is full, or for jobs left at the stop, the relay rings."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._jobs: queue.Queue[str | None] = queue.Queue(MAX_WAITING_RINGS)
        self._thread = threading.Thread(target=self._work, name="ringer", daemon=True)
        self._thread.start()

    def ring(self, job_id: str) -> None:
        """Queue the rings that were committed with a job; returns at once."""
        try:
            self._jobs.put_nowait(job_id)
        except queue.Full:
            return

    def close(self) -> None:
        """Stop after the current ring; wait a second for it, enough for a broker that answers."""
        while True:
            try:
                self._jobs.put_nowait(None)
                break
            except queue.Full:
                self._jobs.get_nowait()
        self._thread.join(1)

    def _work(self) -> None:
        while (job_id := self._jobs.get()) is not None:
            ring_committed(self._resources.database, self._resources.doorbell, job_id)


@dataclass(frozen=True, kw_only=True)
class CallOutcome:
    """The response to a change; `job_id` is the job to ring for after the commit."""

    status: int
    body: BaseModel | None
    location: str | None = None
    job_id: str | None = None
    object_id: str | None = None
    """What the audit names as its object, if neither the address nor `location` does."""
    once: tuple[str, ...] = ()
    """The path of a secret in the body: it is sent once, and `***` is stored for it."""

    def answer(self) -> StoredResponse:
        """The response."""
        body = self.body.model_dump(mode="json") if self.body else None
        return StoredResponse(
            status=self.status, body=body, headers={"Location": self.location} if self.location else {}
        )


Keep = Callable[[Session, CallOutcome], None]


def _without_secret(answer: StoredResponse, path: tuple[str, ...]) -> StoredResponse:
    """What may be stored of a response: a secret of a new token may not."""
    if not path or answer.body is None:
        return answer
    body = copy.deepcopy(answer.body)
    *sections, name = path
    section = body
    for each in sections:
        section = section[each]
    section[name] = REDACTED
    return replace(answer, body=body)


def started(body: BaseModel, job: Job, *, object_id: str | None = None) -> CallOutcome:
    """202 with the address of the job; `object_id` is what it works on, if the address does not say it."""
    location = f"{API}/jobs/{job.id}"
    return CallOutcome(status=202, body=body, location=location, job_id=job.id, object_id=object_id)


@dataclass(frozen=True, kw_only=True)
class Call:
    """An authenticated request."""

    resources: Resources
    principal: Principal
    base_url: str

    @property
    def project_id(self) -> str:
        """The project of the token: every use case gets it, and sees only the rows of this project."""
        return self.principal.project_id

    @property
    def job_scope(self) -> str | None:
        """The project whose jobs the caller may see; None: those of all, for an operator."""
        return None if self.principal.operator else self.project_id

    @property
    def secret(self) -> str:
        """The key that signs links and cursors."""
        return self.resources.settings.web.secret_key.get_secret_value()

    def reading(self) -> AbstractContextManager[Session]:
        """A session that changes nothing."""
        return self.resources.database.reading()


@dataclass(frozen=True, kw_only=True)
class Change(Call):
    """An authenticated request that changes something."""

    keyed: KeyedRequest | None
    ringer: Ringer
    asker: Asker
    act: Act
    """What the audit says of it; the object of a new one follows from the outcome."""

    def commit(self, change: Callable[[Session], CallOutcome]) -> Response:
        """Run `change` in one transaction with its Idempotency-Key; ring after the commit. A replay changes nothing."""

        def work(session: Session) -> CallOutcome | StoredResponse:
            if self.keyed and (earlier := idempotency.claim(session, self.keyed)):
                return earlier
            outcome = change(session)
            self._keep(session, outcome)
            return outcome

        return self._respond(self.resources.database.run(work))

    def perform(self, work: Callable[[Keep], CallOutcome]) -> Response:
        """Run a change of several transactions: `work` calls its argument in the last of them.

        A request with the same key that arrives meanwhile is rejected: the first one is in flight.
        """
        keyed, database = self.keyed, self.resources.database
        if keyed and (earlier := database.run(lambda session: idempotency.claim(session, keyed))):
            return self._respond(earlier)
        try:
            return self._respond(work(self._keep))
        except BaseException:
            if keyed:
                database.run(lambda session: idempotency.release(session, keyed))
            raise

    def _keep(self, session: Session, outcome: CallOutcome) -> None:
        if self.act.action not in UNAUDITED:
            new = outcome.object_id or (outcome.location or "").rpartition("/")[2] or None
            record(session, self.asker, replace(self.act, object_id=self.act.object_id or new))
        if self.keyed:
            session.flush()
            idempotency.keep(session, self.keyed, _without_secret(outcome.answer(), outcome.once))

    def _respond(self, result: CallOutcome | StoredResponse) -> Response:
        answer = result.answer() if isinstance(result, CallOutcome) else result
        response = (
            Response(status_code=answer.status, headers=answer.headers)
            if answer.body is None
            else JSONResponse(answer.body, answer.status, headers=answer.headers)
        )
        if isinstance(result, CallOutcome) and result.job_id:
            log.info("job committed", job_id=result.job_id)
            self.ringer.ring(result.job_id)
        return response


def resources_of(request: Request) -> Resources:
    """The resources of the application."""
    return cast(Resources, request.app.state.resources)


def base_url_of(request: Request, resources: Resources) -> str:
    """The base URL of links: never what `Host` says, which any caller can choose.

    Without `web.public_url`, as in development: the host that a trusted proxy names, or the address that the connection
    has arrived at.
    """
    if public_url := resources.settings.web.public_url:
        return public_url.rstrip("/")
    proxies: Proxies = request.app.state.proxies
    return proxies.base_url_of(request.scope)


def authorized(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> Call:
    """Dependency: the principal, whom the route (`AuthRoute`) has authenticated before it reads the body."""
    resources = resources_of(request)
    return Call(
        resources=resources, principal=request.state.principal, base_url=base_url_of(request, resources)
    )


Authorized = Annotated[Call, Depends(authorized)]


async def changing(request: Request, call: Authorized, key: IdempotencyHeader = None) -> Change:
    """Dependency: an authenticated request with its Idempotency-Key, which belongs to method, address and body."""
    return change_of(call, request, key, await request.body())


def change_of(call: Call, request: Request, key: str | None, content: bytes) -> Change:
    """A change whose key belongs to `content` at this address."""
    keyed = None
    if key is not None:
        address = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        digest = hashlib.sha256(address + content).hexdigest()
        keyed = KeyedRequest(project_id=call.project_id, key=key, sha256=digest)
    return Change(
        resources=call.resources,
        principal=call.principal,
        base_url=call.base_url,
        keyed=keyed,
        ringer=request.app.state.ringer,
        asker=asker_of(request, call.principal),
        act=_act_of(request),
    )


def asker_of(request: Request, principal: Principal | None) -> Asker:
    """Who sends a request, and from where; without a principal a secret that is not valid."""
    proxies: Proxies = request.app.state.proxies
    address = proxies.client_of(request.scope)
    request_id = getattr(request.state, "request_id", None)
    if principal is None:
        return Asker(who="unknown", address=address, request_id=request_id)
    return Asker.of(principal, address=address, request_id=request_id)


def _act_of(request: Request) -> Act:
    route: APIRoute = request.scope["route"]
    kind = route.path.removeprefix(f"{API}/").partition("/")[0]
    object_id = next(iter(request.path_params.values()), None)
    return Act(
        action=operation_id_of(route),
        object_kind=kind,
        object_id=None if object_id is None else str(object_id),
    )


Changing = Annotated[Change, Depends(changing)]
