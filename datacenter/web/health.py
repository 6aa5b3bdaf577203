"""Health: is this process alive, and can it serve?"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from datacenter.migrations import known_revisions, revision_of
from datacenter.migrations.compatibility import why_not
from datacenter.web.calls import API, resources_of
from datacenter.web.openapi import problems
from datacenter.web.problems import problem
from datacenter.web.schemas.base import ResponseBody


class Alive(ResponseBody):
    """The process answers."""

    status: str = "ok"


class Ready(ResponseBody):
    """What requests need is there."""

    status: str = "ok"
    database: str = "ok"


PATHS = frozenset({"/healthz", "/readyz", f"{API}/healthz", f"{API}/readyz"})
"""Answered however busy the server is: a supervisor would take silence for death."""
router = APIRouter(tags=["health"])


@router.get("/healthz", include_in_schema=False)
@router.get(f"{API}/healthz", operation_id="health_show_alive", summary="Is the process alive?")
async def healthz() -> Alive:
    """Asks nobody else, and waits for no thread: a broken database is no reason to restart the web process."""
    return Alive()


@router.get("/readyz", include_in_schema=False, response_model=Ready)
@router.get(
    f"{API}/readyz",
    operation_id="health_show_ready",
    response_model=Ready,
    responses=problems(503),
    summary="Can it serve?",
)
def readyz(request: Request) -> Ready | JSONResponse:
    """503 while the database is away, or has a schema that does not serve this release.

    The broker may be away: requests are accepted all the same.
    """
    if fault := why_not(revision_of(resources_of(request).database), known_revisions()):
        return problem(503, "SCHEMA_UNFIT", f"database.url: {fault}")
    return Ready()
