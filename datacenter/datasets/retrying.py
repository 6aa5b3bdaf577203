"""Retrying: restart an ended job, if its dataset or archive still exists."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.datasets.archives.records import is_alive
from datacenter.datasets.models import (
    Archive,
    ArchiveState,
    Dataset,
    DatasetState,
    DeletedDataset,
    Download,
    Export,
    Upload,
)
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import KeptTable, kept_name
from datacenter.errors import Conflict
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind


def retry(session: Session, resources: Resources, project_id: str, job_id: str) -> Job:
    """Continue a job from its checkpoint, or start it again from the beginning.

    Raises: NotFound, JobNotRetryable, Conflict (the job's dataset, upload or archive was deleted, restored, or expired).
    """
    job = ledger.find_job(session, project_id, job_id)
    kept = job.checkpoint
    job = ledger.retry(session, project_id, job_id)
    match job.kind:
        case JobKind.IMPORT:
            _take_source(session, job, kept)
        case JobKind.DELETE:
            _check_deleted(session, job)
        case JobKind.EXPORT | JobKind.DOWNLOAD:
            _find_archive(session, resources, job, kept)
    return job


def _take_source(session: Session, job: Job, kept: bool) -> None:
    """The dataset is IMPORTING again, and the upload belongs to the job again.

    An import that starts from the beginning gets a new generation, so that it shares no key with the undone one.
    """
    if not kept:
        job.payload = _restarted_payload(job)
    dataset = session.get(Dataset, job.payload["dataset_id"], with_for_update=True)
    if dataset is None:
        raise Conflict("the dataset of this job was deleted; import it again")
    dataset.state = DatasetState.IMPORTING
    upload_id = job.payload["source"].get("upload")
    if upload_id is None:
        return
    upload = session.get(Upload, upload_id, with_for_update=True)
    if upload is None:
        raise Conflict("the upload of this job has expired; upload the archive and import it again")
    if upload.job_id not in (None, job.id):
        raise Conflict(f"job {upload.job_id} imports this upload now; upload the archive and import it again")
    upload.job_id = job.id


def _restarted_payload(job: Job) -> dict[str, Any]:
    generation = job.payload.get("generation", 0) + 1
    table = KeptTable.of_payload(job.payload)
    if table is None:
        return job.payload | {"generation": generation}
    name = replace(table.name, table=kept_name(job.payload["dataset_id"], job.id, generation))
    return job.payload | {"generation": generation, **replace(table, name=name).to_payload()}


def _check_deleted(session: Session, job: Job) -> None:
    """The job must not remove the files of a restored dataset."""
    deleted = session.get(DeletedDataset, job.payload["dataset_id"], with_for_update=True)
    if deleted is None or deleted.job_id != job.id:
        raise Conflict("the dataset of this job was restored; delete it again")


def _find_archive(session: Session, resources: Resources, job: Job, kept: bool) -> None:
    """The sweep removes everything under an expired archive's prefix, so the job gets a new archive with its own prefix."""
    archive = session.get(Archive, job.payload["archive_id"], with_for_update=True)
    moment = now(session)
    if archive is not None and is_alive(archive, moment):
        return
    download = session.get(Download, job.payload["download_id"]) if "download_id" in job.payload else None
    expired = download is not None and download.expires_at <= moment
    if archive is None or kept or expired:
        raise Conflict("the archive of this job has expired; request it again")
    lifetime = timedelta(seconds=resources.settings.lifetimes.archive_seconds)
    columns = {name: getattr(archive, name) for name in Archive.__table__.columns.keys()}  # noqa: SIM118 - the columns' keys are attribute names
    reset = {"id": new_id(), "state": ArchiveState.PLANNED, "job_id": job.id, "object_name": ""}
    times = {"created_at": moment, "expires_at": moment + lifetime}
    successor = Archive(**(columns | reset | times))
    session.add(successor)
    for request in (Export, Download):
        session.execute(update(request).where(request.job_id == job.id).values(archive_id=successor.id))
    job.payload = job.payload | {"archive_id": successor.id}
