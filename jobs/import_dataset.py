"""Import: turn an archive, the objects under a prefix, or the rows of a table into a dataset, without a local disk."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.labelling import publish_labels
from datacenter.datasets.models import Dataset, DatasetState, DatasetVersion, Litter, Upload
from datacenter.datasets.tables.kept import KeptTable
from datacenter.errors import Invalid
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind
from datacenter.storages.owners import is_usable, shown_name
from jobs.cleanup import abort_uploads, drop_kept, raise_first, remove
from jobs.contract import Ending, JobContext, Plan
from jobs.importing.archive import ArchiveSource
from jobs.importing.prefix import PrefixSource
from jobs.importing.source import Imported, ImportSource
from jobs.importing.staging import ImportStaging
from jobs.importing.table import TableSource

SOURCES: Mapping[str, ImportSource] = {
    "upload": ArchiveSource(),
    "key": ArchiveSource(),
    "prefix": PrefixSource(),
    "table": TableSource(),
    "query": TableSource(),
}
"""Keyed by the field that the request's source has besides its storage; the first field found decides."""


def source_of(payload: Mapping[str, Any]) -> ImportSource:
    """The import source for a job's payload."""
    return next(found for field, found in SOURCES.items() if field in payload["source"])


class ImportDataset:
    """The source plans, imports its shards and writes the manifest; then one transaction publishes the version."""

    kind: ClassVar[JobKind] = JobKind.IMPORT

    def plan(self, job: JobContext) -> Plan:
        _check_source(job)
        return source_of(job.payload).plan(job, _staging(job))

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        return source_of(job.payload).run_shard(job, _staging(job), spec)

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending:
        staging = _staging(job)
        imported = source_of(job.payload).finish(job, staging, results)
        abort_uploads(staging.storage, staging.objects_prefix)
        staging.storage.flush()
        result = {
            "dataset": job.payload["dataset_id"],
            "version": 1,
            "files": imported.totals.files,
            "size_bytes": imported.totals.size_bytes,
            **imported.learned,
        }
        return Ending(result=result, publish=lambda session: _publish(session, job, staging, imported))

    def undo(self, job: JobContext) -> Ending:
        """Remove every object and table that was made; the upload stays until it expires, so that it can be imported again."""
        staging = _staging(job)
        storage = staging.storage
        for prefix in (staging.objects_prefix, staging.prefix):
            abort_uploads(storage, prefix)
            for failed in storage.delete_prefix(prefix):
                job.check()
                raise_first(failed)
        abort_uploads(storage, staging.manifest_key)
        remove(storage, [staging.manifest_key])
        table = KeptTable.of_payload(job.payload)
        if table is not None:
            drop_kept(job.open_tables(table.storage), table)
        return Ending(result=None, publish=lambda session: _failed(session, job.payload))

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        _mark_failed(session, payload["dataset_id"])

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        """The dataset is FAILED without a version; its prefix is removed with the dataset, its table by the sweep."""
        _failed(session, payload)
        table = KeptTable.of_payload(payload)
        if table is not None:
            session.add(Litter(storage=table.storage, prefix=str(table.name), due_at=now(session)))


def _failed(session: Session, payload: dict[str, Any]) -> None:
    _mark_failed(session, payload["dataset_id"])
    upload = session.get(Upload, payload["source"].get("upload") or "")
    if upload is not None:
        upload.job_id = None


def _staging(job: JobContext) -> ImportStaging:
    payload = job.payload
    return ImportStaging(
        storage=job.resources.storages.open(payload["storage"]),
        dataset_id=payload["dataset_id"],
        job_id=job.job_id,
        generation=payload.get("generation", 0),
    )


def _check_source(job: JobContext) -> None:
    """Refuse a source that was shared with the project when the request came, and is not any more. Raises: Invalid."""
    source, storages = job.payload["source"]["storage"], job.resources.storages
    with job.resources.database.reading() as session:
        usable = is_usable(session, storages, source, job.project_id)
    if not usable:
        raise Invalid(f"source.storage: storage {shown_name(source)} is no longer shared with this project")


def _publish(session: Session, job: JobContext, staging: ImportStaging, imported: Imported) -> None:
    """Make the import visible, all at once."""
    moment, totals = now(session), imported.totals
    dataset_id, source = job.payload["dataset_id"], job.payload["source"]
    session.add(
        DatasetVersion(
            created_by=session.scalar(select(Job.created_by).where(Job.id == job.job_id)),
            dataset_id=dataset_id,
            version=1,
            manifest_key=staging.manifest_key,
            files=totals.files,
            size_bytes=totals.size_bytes,
            comment=f"imported from {source_of(job.payload).title(source)}"[:255],
            created_at=moment,
        )
    )
    publish_labels(session, dataset_id, totals.labels)
    values = {
        "state": DatasetState.READY,
        "version": 1,
        "files": totals.files,
        "size_bytes": totals.size_bytes,
        "updated_at": moment,
        **imported.columns,
    }
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(**values))
    session.add(Litter(storage=job.payload["storage"], prefix=staging.prefix, due_at=moment))
    upload = session.get(Upload, source.get("upload") or "")
    if upload is not None:
        session.delete(upload)
        session.add(Litter(storage=upload.storage, prefix=upload.key.rpartition("/")[0] + "/", due_at=moment))


def _mark_failed(session: Session, dataset_id: str) -> None:
    waiting = (Dataset.id == dataset_id, Dataset.state == DatasetState.IMPORTING)
    session.execute(update(Dataset).where(*waiting).values(state=DatasetState.FAILED))
