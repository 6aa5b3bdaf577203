"""Downloads: request a link to a dataset or an export, and a fresh link later."""

from datetime import timedelta

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.datasets.archives import downloads
from datacenter.datasets.archives.downloads import DownloadRequest
from datacenter.datasets.models import Download
from datacenter.ledger.models import Job
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call, CallOutcome, Changing, started
from datacenter.web.exports import label_filter
from datacenter.web.objects import download_object, job_object
from datacenter.web.openapi import problems
from datacenter.web.schemas.downloads import DownloadObject, NewDownloadRequest
from datacenter.web.schemas.jobs import JobStarted

router = APIRouter(prefix=API, tags=["downloads"], route_class=AuthRoute)
REFUSALS = problems(404, 409, 410, 413)


@router.post(
    "/datasets/{dataset_id}/downloads",
    status_code=202,
    response_model=JobStarted,
    responses=REFUSALS,
    summary="Download a dataset",
)
def create_for_dataset(dataset_id: str, body: NewDownloadRequest, call: Changing) -> Response:
    """The finished job's `result.download` holds the link."""

    def change(session: Session) -> CallOutcome:
        made = downloads.create_for_dataset(
            session, call.resources, call.project_id, dataset_id, _download_request(body), body.job_options()
        )
        return _started(session, call, made)

    return call.commit(change)


@router.post(
    "/exports/{export_id}/downloads",
    status_code=202,
    response_model=JobStarted,
    responses=REFUSALS,
    summary="Download an export",
)
def create_for_export(export_id: str, body: NewDownloadRequest, call: Changing) -> Response:
    """The finished job's `result.download` holds the link."""

    def change(session: Session) -> CallOutcome:
        made = downloads.create_for_export(
            session, call.resources, call.project_id, export_id, _download_request(body), body.job_options()
        )
        return _started(session, call, made)

    return call.commit(change)


@router.get("/downloads/{download_id}", responses=problems(404, 410), summary="Show a download")
def show(download_id: str, call: Authorized) -> DownloadObject:
    """The download with a fresh link, until its archive expires."""
    with call.reading() as session:
        row, archive = downloads.find(session, call.project_id, download_id)
    return download_object(call, row, archive)


def _started(session: Session, call: Call, made: tuple[Download, Job]) -> CallOutcome:
    _, job = made
    return started(JobStarted(job=job_object(session, call, job)), job)


def _download_request(body: NewDownloadRequest) -> DownloadRequest:
    return DownloadRequest(
        delivery=body.delivery,
        labels=label_filter(body.labels),
        archive=body.archive,
        expires_in=timedelta(seconds=body.expires_in) if body.expires_in else None,
    )
