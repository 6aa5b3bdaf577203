"""Events: the changes of a job as server-sent events, until it is finished."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import cast

from anyio import CapacityLimiter
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from datacenter.access.tokens import is_valid
from datacenter.errors import NotFound
from datacenter.ledger.ledger import find_job
from datacenter.ledger.states import FINISHED
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call
from datacenter.web.objects import job_object
from datacenter.web.openapi import problems
from datacenter.web.schemas.jobs import JobObject
from datacenter.web.threads import Threads, in_thread

POLL_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15
"""Proxies close a connection that is silent for a minute; our own client, after half a minute."""
TOKEN_SECONDS = 15
"""A stream ends at most this long after its token is revoked."""
RECONNECT = "retry: 2000\n\n"
STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
router = APIRouter(prefix=f"{API}/jobs", tags=["jobs"], route_class=AuthRoute)


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        **problems(404),
        200: {
            "description": "`event: job` with the job as JSON, now and after each change",
            "content": STREAM,
        },
    },
    summary="Watch a job",
)
async def watch(job_id: str, request: Request, call: Authorized) -> StreamingResponse:
    """The stream ends when the job is finished, when the token is revoked, and when the server stops.

    A client that reconnects gets the current state of the job.
    """
    threads = cast(Threads, request.app.state.threads).events
    first = await in_thread(threads, _load, call, job_id)
    stopping = cast(threading.Event, request.app.state.stopping)
    return StreamingResponse(
        _events(call, first, stopping, threads),
        media_type="text/event-stream",
        # Nginx would hold events back until its buffer is full.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    call: Call, job: JobObject, stopping: threading.Event, threads: CapacityLimiter
) -> AsyncIterator[str]:
    yield RECONNECT + _event(job)
    sent_at = token_checked_at = time.monotonic()
    while job.state not in FINISHED and not stopping.is_set():
        await asyncio.sleep(POLL_SECONDS)
        if time.monotonic() - token_checked_at > TOKEN_SECONDS:
            if not await in_thread(threads, _token_is_valid, call):
                return
            token_checked_at = time.monotonic()
        try:
            current = await in_thread(threads, _load, call, job.id)
        except NotFound:
            return
        if current != job:
            job = current
            yield _event(job)
        elif time.monotonic() - sent_at > KEEP_ALIVE_SECONDS:
            yield ": still here\n\n"
        else:
            continue
        sent_at = time.monotonic()


def _load(call: Call, job_id: str) -> JobObject:
    with call.reading() as session:
        return job_object(session, call, find_job(session, call.project_id, job_id))


def _token_is_valid(call: Call) -> bool:
    with call.reading() as session:
        return is_valid(session, call.principal)


def _event(job: JobObject) -> str:
    return f"event: job\ndata: {job.model_dump_json()}\n\n"
