"""Jobs: list, show, cancel, retry."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from datacenter.datasets import retrying
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind, JobState
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call, CallOutcome, Change, Changing, started
from datacenter.web.listed_project import listed_project
from datacenter.web.objects import job_object, job_objects
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.jobs import JobObject, JobStarted

router = APIRouter(prefix=f"{API}/jobs", tags=["jobs"], route_class=AuthRoute)


@router.get("", summary="List jobs")
def list_all(
    call: Authorized,
    kind: JobKind | None = None,
    state: JobState | None = None,
    dataset: Annotated[str | None, Query(description="Only jobs of the dataset with this id.")] = None,
    project: Annotated[str | None, Query(description="Only jobs of this project; for operators.")] = None,
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Page[JobObject]:
    """Newest first. An operator sees the jobs of all projects, without results and paths of the others."""
    cursors = Cursors(secret=call.secret, list_name="jobs")
    with call.reading() as session:
        rows = ledger.list_jobs(
            session,
            listed_project(session, call, project),
            kind=kind,
            state=state,
            dataset_id=dataset,
            before_id=cursors.read(cursor),
            limit=limit + 1,
        )
        items = job_objects(session, call, rows[:limit])
    return cursors.page(rows, limit, lambda row: row.id, items)


@router.get("/{job_id}", responses=problems(404), summary="Show a job")
def show(job_id: str, call: Authorized) -> JobObject:
    """State, progress, error and result."""
    with call.reading() as session:
        return job_object(session, call, ledger.find_job(session, call.job_scope, job_id))


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    response_model=JobStarted,
    responses=problems(404, 409),
    summary="Cancel a job",
)
def cancel(job_id: str, call: Changing) -> Response:
    """The job stops after its current batch, and its partial results are removed. 409 if it has already ended."""
    return _move(call, lambda session: ledger.request_cancel(session, _owner(session, call, job_id), job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    response_model=JobStarted,
    responses=problems(404, 409),
    summary="Retry a job",
)
def retry(job_id: str, call: Changing) -> Response:
    """A job that ended in FAILURE or REVOKED continues from its last checkpoint. 409 in every other state."""
    return _move(
        call, lambda session: retrying.retry(session, call.resources, _owner(session, call, job_id), job_id)
    )


def _owner(session: Session, call: Call, job_id: str) -> str:
    """The project of a job that the caller may see. Raises: NotFound."""
    return ledger.find_job(session, call.job_scope, job_id).project_id


def _move(call: Change, move: Callable[[Session], Job]) -> Response:
    def change(session: Session) -> CallOutcome:
        job = move(session)
        session.flush()
        return started(JobStarted(job=job_object(session, call, job)), job)

    return call.commit(change)
