"""From database rows to the objects in responses."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from datacenter.access.models import Project
from datacenter.datasets import records
from datacenter.datasets.archives import downloads
from datacenter.datasets.job_errors import error_of
from datacenter.datasets.models import Archive, Dataset, DatasetVersion, Download, Export
from datacenter.errors import Gone, NotFound
from datacenter.ledger.ledger import after_ids_of, dataset_ids_of
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind
from datacenter.storages.owners import shown_name
from datacenter.web.calls import Call
from datacenter.web.schemas.datasets import DatasetObject, VersionObject
from datacenter.web.schemas.downloads import DownloadObject
from datacenter.web.schemas.exports import ExportObject
from datacenter.web.schemas.jobs import JobError, JobObject, Progress


def dataset_objects(session: Session, call: Call, rows: Sequence[Dataset]) -> list[DatasetObject]:
    """Datasets with their label counts, which are read in one query for all."""
    labels = records.labels_of(session, [row.id for row in rows])
    return [
        DatasetObject(
            id=row.id,
            project=call.principal.project_name,
            name=row.name,
            kind=row.kind,
            state=row.state,
            version=row.version,
            storage=shown_name(row.home),
            table=row.table_name,
            files=row.files,
            size_bytes=row.size_bytes,
            rows=row.row_count,
            label_column=row.label_column,
            labels=labels.get(row.id, {}),
            description=row.description,
            tags=row.tags,
            created_by=row.created_by,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def dataset_object(session: Session, call: Call, row: Dataset) -> DatasetObject:
    """One dataset."""
    return dataset_objects(session, call, [row])[0]


def version_object(row: DatasetVersion) -> VersionObject:
    """One version of a dataset."""
    return VersionObject(
        version=row.version,
        files=row.files,
        size_bytes=row.size_bytes,
        comment=row.comment,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def job_objects(session: Session, call: Call, rows: Sequence[Job]) -> list[JobObject]:
    """Jobs with their datasets and the jobs they wait for, which are read together for all."""
    ids = [row.id for row in rows]
    dataset_ids, after_ids = dataset_ids_of(session, ids), after_ids_of(session, ids)
    projects = _project_names(session, call, {row.project_id for row in rows})
    return [
        JobObject(
            id=row.id,
            kind=row.kind,
            state=row.state,
            project=projects[row.project_id],
            dataset_ids=dataset_ids.get(row.id, []),
            progress=Progress(
                phase=row.phase,
                files_done=row.files_done,
                files_total=row.files_total,
                bytes_done=row.bytes_done,
                bytes_total=row.bytes_total,
            ),
            attempts=row.attempts,
            error=_job_error(call, row),
            result=_job_result(session, call, row),
            priority=row.priority,
            not_before=row.not_before,
            after=after_ids.get(row.id, []),
            created_by=row.created_by,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            cancel_requested_at=row.cancel_requested_at,
        )
        for row in rows
    ]


def job_object(session: Session, call: Call, row: Job) -> JobObject:
    """One job."""
    return job_objects(session, call, [row])[0]


def export_object(row: Export, archive: Archive) -> ExportObject:
    """One export with the state of its archive."""
    return ExportObject(
        id=row.id,
        state=archive.state,
        files=archive.files,
        size_bytes=archive.size_bytes,
        filename=archive.filename,
        job_id=row.job_id,
        created_at=row.created_at,
        expires_at=archive.expires_at,
    )


def download_object(call: Call, row: Download, archive: Archive) -> DownloadObject:
    """One download with a fresh link."""
    return DownloadObject(
        id=row.id,
        url=downloads.link(call.resources, row, archive, call.base_url),
        filename=row.filename,
        size_bytes=archive.size_bytes,
        expires_at=row.expires_at,
        delivery=row.delivery,
    )


def _project_names(session: Session, call: Call, ids: set[str]) -> dict[str, str]:
    """Without a query, unless an operator sees jobs of other projects."""
    names = {call.project_id: call.principal.project_name}
    if others := ids - names.keys():
        names |= dict(session.execute(select(Project.id, Project.name).where(Project.id.in_(others))).all())
    return names


def _job_error(call: Call, row: Job) -> JobError | None:
    """To an operator, the error of another project's job has no path and no message, which may quote one."""
    error = error_of(row)
    if error is None:
        return None
    if row.project_id != call.project_id:
        error = {**error, "message": "only the project's own members see the message", "entry": None}
    return JobError(**error)


def _job_result(session: Session, call: Call, row: Job) -> dict[str, Any] | None:
    """The result as the job wrote it; a download's link is made for each response. Other projects' results are not shown."""
    if row.project_id != call.project_id:
        return None
    if row.result is None or row.kind != JobKind.DOWNLOAD or "download" not in row.result:
        return row.result
    download_id = row.result["download"]["id"]
    try:
        found, archive = downloads.find(session, call.project_id, download_id)
    except (NotFound, Gone):
        return {**row.result, "download": {"id": download_id, "url": None}}
    shown = download_object(call, found, archive).model_dump(mode="json")
    return {**row.result, "download": shown}
