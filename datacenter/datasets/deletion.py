"""Deletion: the request removes the record, a job removes the files; within a grace period it can be undone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.database.engine import is_duplicate, new_id, now
from datacenter.datasets.models import Dataset, DatasetState, DatasetVersion, DeletedDataset, LabelCount
from datacenter.datasets.records import from_record, to_record
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import KeptTable
from datacenter.errors import Conflict, NameTaken, NotFound
from datacenter.ledger import ledger
from datacenter.ledger.models import Job, JobDataset
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import FINISHED, JobKind


def delete(
    session: Session,
    resources: Resources,
    project_id: str,
    dataset_id: str,
    *,
    grace: timedelta,
    options: JobOptions,
) -> Job:
    """Remove a dataset's record and leave its files to a job that begins after the grace period.

    A running import is cancelled, and the job waits for its end, so that nothing is written after the files were
    removed. The cost does not depend on the number of files. Raises: NotFound.
    """
    dataset = session.get(Dataset, dataset_id, with_for_update=True)
    if dataset is None or dataset.project_id != project_id:
        raise NotFound(f"there is no dataset {dataset_id}")
    moment = now(session)
    until = moment + grace
    job_id = new_id()
    session.add(
        DeletedDataset(
            id=dataset.id,
            project_id=project_id,
            record=to_record(dataset),
            job_id=job_id,
            restore_until=until,
            deleted_at=moment,
        )
    )
    session.execute(delete_rows(Dataset).where(Dataset.id == dataset_id))
    not_before = max(filter(None, (options.not_before, until if grace else None)), default=None)
    return ledger.enqueue(
        session,
        project_id=project_id,
        kind=JobKind.DELETE,
        payload={
            "dataset_id": dataset.id,
            "storage": dataset.storage,
            "version": dataset.version,
            **_kept_table(session, dataset),
        },
        dataset_ids=[dataset.id],
        options=JobOptions(
            not_before=not_before, after=options.after, notify=options.notify, priority=options.priority
        ),
        after_any_end=_stop_imports(session, dataset.id),
        job_id=job_id,
    )


def restore(session: Session, project_id: str, dataset_id: str) -> Dataset:
    """Restore a deleted dataset as it was.

    Raises: NotFound, Conflict (its files are being removed already), NameTaken.
    """
    row = session.get(DeletedDataset, dataset_id, with_for_update=True)
    if row is None or row.project_id != project_id:
        raise NotFound(f"there is no deleted dataset {dataset_id}")
    job = session.get_one(Job, row.job_id, with_for_update=True)
    if not ledger.withdraw(session, job):
        raise Conflict("the grace period is over; the dataset's files are being removed")
    state = DatasetState.READY if row.record["version"] else DatasetState.FAILED
    dataset = from_record(row.record, state)
    session.delete(row)
    session.add(dataset)
    try:
        session.flush()
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        detail = f"another dataset is named {dataset.name!r} now; rename or delete it, then restore again"
        raise NameTaken(detail, field="name") from error
    return dataset


def purge(session: Session, dataset_id: str) -> None:
    """Remove the last rows of a deleted dataset, once its files are gone."""
    for table in (LabelCount, DatasetVersion):
        session.execute(delete_rows(table).where(table.dataset_id == dataset_id))
    session.execute(delete_rows(DeletedDataset).where(DeletedDataset.id == dataset_id))


def _kept_table(session: Session, dataset: Dataset) -> dict[str, Any]:
    """The part of the payload that names the table to drop: the dataset's, or that of an import that did not publish it."""
    if dataset.table_storage is None:
        return {}
    if dataset.table_name is not None:
        return KeptTable.named(dataset.table_storage, dataset.table_name).to_payload()
    imports = (JobDataset.dataset_id == dataset.id, Job.kind == JobKind.IMPORT)
    query = select(Job).join(JobDataset, JobDataset.job_id == Job.id).where(*imports)
    job = session.scalars(query).first()
    table = KeptTable.of_payload(job.payload) if job is not None else None
    return table.to_payload() if table is not None else {}


def _stop_imports(session: Session, dataset_id: str) -> list[str]:
    """Cancel the dataset's imports; returns the jobs that have not ended yet."""
    query = (
        select(Job)
        .join(JobDataset, JobDataset.job_id == Job.id)
        .where(JobDataset.dataset_id == dataset_id, Job.kind == JobKind.IMPORT, Job.state.not_in(FINISHED))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    running = session.scalars(query).all()
    for job in running:
        ledger.cancel(session, job)
    return [job.id for job in running]
