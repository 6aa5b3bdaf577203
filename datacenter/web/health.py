"""Health: is this process alive, and can it serve?"""

from fastapi import APIRouter, Request
from sqlalchemy import select

from datacenter.access.models import Project
from datacenter.web.calls import API, resources_of
from datacenter.web.openapi import problems
from datacenter.web.schemas.base import Answer


class Alive(Answer):
    """The process answers."""

    status: str = "ok"


class Ready(Answer):
    """What requests need is there."""

    status: str = "ok"
    database: str = "ok"


PATHS = frozenset({"/healthz", "/readyz", f"{API}/healthz", f"{API}/readyz"})
"""Answered however busy the server is: a supervisor would take silence for death."""
router = APIRouter(tags=["health"])


@router.get("/healthz", include_in_schema=False)
@router.get(f"{API}/healthz", summary="Is the process alive?")
async def healthz() -> Alive:
    """Asks nobody else, and waits for no thread: a broken database is no reason to restart the web process."""
    return Alive()


@router.get("/readyz", include_in_schema=False)
@router.get(f"{API}/readyz", responses=problems(503), summary="Can it serve?")
def readyz(request: Request) -> Ready:
    """503 while the database is away or has no tables. The broker may be away: requests are accepted all the same."""
    with resources_of(request).database.reading() as session:
        session.execute(select(Project.id).limit(1))
    return Ready()
