"""Events: a job told as it changes, as server-sent events, until it is finished."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from datacenter.access.tokens import is_valid
from datacenter.errors import NotFound
from datacenter.ledger.ledger import find_job
from datacenter.ledger.states import FINISHED
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call
from datacenter.web.objects import job_object
from datacenter.web.openapi import problems
from datacenter.web.schemas.jobs import JobObject

LOOK_SECONDS = 0.5
SILENCE_SECONDS = 15
"""Proxies close connections that say nothing for a minute, our own client after half of one."""
TOKEN_SECONDS = 15
"""A stream outlives its revoked token by this much at most."""
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

    A client that connects again is told what became of it.
    """
    first = await run_in_threadpool(_look, call, job_id)
    stopping = cast(threading.Event, request.app.state.stopping)
    return StreamingResponse(
        _tell(call, first, stopping),
        media_type="text/event-stream",
        # Nginx would hold events back until its buffer is full.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _tell(call: Call, job: JobObject, stopping: threading.Event) -> AsyncIterator[str]:
    yield RECONNECT + _event(job)
    told_at = known_at = time.monotonic()
    while job.state not in FINISHED and not stopping.is_set():
        await asyncio.sleep(LOOK_SECONDS)
        if time.monotonic() - known_at > TOKEN_SECONDS:
            if not await run_in_threadpool(_may_go_on, call):
                return
            known_at = time.monotonic()
        try:
            seen = await run_in_threadpool(_look, call, job.id)
        except NotFound:
            return
        if seen != job:
            job = seen
            yield _event(job)
        elif time.monotonic() - told_at > SILENCE_SECONDS:
            yield ": still here\n\n"
        else:
            continue
        told_at = time.monotonic()


def _look(call: Call, job_id: str) -> JobObject:
    with call.reading() as session:
        return job_object(session, call, find_job(session, call.project_id, job_id))


def _may_go_on(call: Call) -> bool:
    with call.reading() as session:
        return is_valid(session, call.caller.token_id)


def _event(job: JobObject) -> str:
    return f"event: job\ndata: {job.model_dump_json()}\n\n"
