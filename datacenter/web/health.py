"""Health: is this process alive, and can it serve?"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from datacenter.database.engine import Database
from datacenter.migrations import known_revisions, revision_of
from datacenter.migrations.compatibility import why_not
from datacenter.web.calls import API, resources_of
from datacenter.web.openapi import problems
from datacenter.web.problems import problem
from datacenter.web.schemas.base import ResponseBody
from datacenter.web.threads import Threads, in_thread


class Alive(ResponseBody):
    """The process answers."""

    status: str = "ok"


class Ready(ResponseBody):
    """The server can serve requests."""

    status: str = "ok"
    database: str = "ok"


PATHS = frozenset({"/healthz", "/readyz", f"{API}/healthz", f"{API}/readyz"})
"""Answered even by a busy server: a supervisor would restart a process that does not answer."""
router = APIRouter(tags=["health"])


@router.get("/healthz", include_in_schema=False)
@router.get(f"{API}/healthz", operation_id="health_show_alive", summary="Check that the process is alive")
async def healthz() -> Alive:
    """Needs neither the database nor a thread: a broken database is no reason to restart the web process."""
    return Alive()


@router.get("/readyz", include_in_schema=False, response_model=Ready)
@router.get(
    f"{API}/readyz",
    operation_id="health_show_ready",
    response_model=Ready,
    responses=problems(503),
    summary="Check that the server can serve requests",
)
async def readyz(request: Request) -> Ready | JSONResponse:
    """503 while the database does not answer, or its schema does not fit this release.

    The broker is not checked: requests are accepted without it. Requests that wait for a storage leave it its threads.
    """
    threads: Threads = request.app.state.threads
    if fault := await in_thread(threads.health, _fault, resources_of(request).database):
        return problem(503, "SCHEMA_UNFIT", f"database.url: {fault}")
    return Ready()


def _fault(database: Database) -> str | None:
    return why_not(revision_of(database), known_revisions())
