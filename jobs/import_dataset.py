"""Import: an archive, the objects under a prefix, or the rows of a table become a dataset, without a local disk."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import pyarrow as pa
from sqlalchemy import update
from sqlalchemy.orm import Session

from datacenter.archives.detect import detect_format
from datacenter.archives.limits import Limits
from datacenter.database.engine import now
from datacenter.datasets.labelling import publish_labels
from datacenter.datasets.manifest import ManifestTotals, merge_sorted, write_manifest
from datacenter.datasets.models import (
    Dataset,
    DatasetState,
    DatasetVersion,
    Litter,
    Upload,
)
from datacenter.datasets.tables.kept import KeptTable
from datacenter.formats.errors import LabelsInvalid
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.states import JobKind
from datacenter.storages.object_file import ObjectSource
from jobs.cleanup import abort_uploads, drop_kept, raise_first, remove
from jobs.contract import Ending, JobContext, Plan
from jobs.importing.archive_tar import import_tar
from jobs.importing.archive_zip import import_zip_shard, plan_zip
from jobs.importing.plan_file import MOST_WARNINGS
from jobs.importing.prefix import import_prefix_shard, plan_prefix
from jobs.importing.source_listing import Planned, held_to, planned
from jobs.importing.staging import Staging
from jobs.importing.table import import_table_shard, is_table, plan_table, publish_parts, table_name
from storage_adapters.object_storage.contract import Storage

HEAD_BYTES = 1024


class ImportDataset:
    """Zip: read the directory, split by byte range, import spans side by side. Tar: one pass. Prefix: list, copy side
    by side. Table: cut, read side by side. Then publish a version."""

    kind: ClassVar[JobKind] = JobKind.IMPORT

    def plan(self, job: JobContext) -> Plan:
        if is_table(job.payload["source"]):
            return plan_table(job, _staging(job))
        if "prefix" in job.payload["source"]:
            return plan_prefix(job, _staging(job), _limits(job))
        storage, source = _archive(job)
        archive = planned(source.info)
        with held_to(job, storage, archive):
            archive_format = detect_format(source.read(0, HEAD_BYTES), job.payload["source"]["filename"])
            if archive_format == "zip":
                return plan_zip(job, source, _staging(job), _limits(job))
        # A tar has no index: one shard reads it front to back, and progress counts the bytes of the archive.
        spec = {"format": archive_format, "archive": archive._asdict()}
        totals = Totals(files=None, size_bytes=source.size_bytes)
        return Plan(shards=[ShardPlan(spec=spec)], totals=totals, phase="importing")

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        if is_table(job.payload["source"]):
            return import_table_shard(job, _staging(job), spec)
        if "prefix" in job.payload["source"]:
            return import_prefix_shard(job, _staging(job), spec)
        storage, source = _archive(job)
        with held_to(job, storage, Planned(**spec["archive"])):
            if "row_group" in spec:
                return import_zip_shard(job, source, _staging(job), _limits(job), spec)
            return import_tar(job, source, _staging(job), _limits(job), spec["format"])

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending:
        if is_table(job.payload["source"]):
            return _finish_table(job, _staging(job), results)
        staging = _staging(job)
        fragments: list[str] = []
        warnings: list[str] = []
        dropped: list[str] = []
        label_file: str | None = None
        for result in results:
            fragments += result["fragments"]
            warnings += result.get("warnings", ())
            dropped += result.get("dropped", ())
            label_file = result.get("label_file", label_file)
        rows = _checked(job, merge_sorted(staging.read_fragment(fragment) for fragment in fragments))
        totals = write_manifest(staging.storage, staging.manifest_key, rows)
        _check_labels(job, totals)
        remove(staging.storage, dropped)
        learned = {"warnings": warnings[:MOST_WARNINGS], "label_file": label_file}
        return _ending(job, staging, totals, learned)

    def undo(self, job: JobContext) -> Ending:
        """Remove every object and table that was made; the upload stays until it expires, so that it can be imported anew."""
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
        """The dataset is FAILED and has no version; what lies under its prefix goes with the dataset, a table is swept."""
        _failed(session, payload)
        table = KeptTable.of_payload(payload)
        if table is not None:
            session.add(Litter(storage=table.storage, prefix=str(table.name), due_at=now(session)))


def _finish_table(job: JobContext, staging: Staging, results: Iterator[dict[str, Any]]) -> Ending:
    totals, label_column = publish_parts(job, staging, results)
    learned = {"rows": totals.rows, "label_column": label_column}
    table = KeptTable.of_payload(job.payload)
    name = str(table.name) if table is not None else None
    columns = {"row_count": totals.rows, "label_column": label_column, "table_name": name}
    return _ending(job, staging, totals, learned, columns)


def _ending(
    job: JobContext,
    staging: Staging,
    totals: ManifestTotals,
    learned: dict[str, Any],
    columns: Mapping[str, Any] = MappingProxyType({}),
) -> Ending:
    """Everything is stored; what was learned goes into the job's result, and the columns into the dataset's row."""
    abort_uploads(staging.storage, staging.objects_prefix)
    staging.storage.flush()
    result = {
        "dataset": job.payload["dataset_id"],
        "version": 1,
        "files": totals.files,
        "size_bytes": totals.size_bytes,
        **learned,
    }
    return Ending(result=result, publish=lambda session: _publish(session, job, staging, totals, columns))


def _failed(session: Session, payload: dict[str, Any]) -> None:
    _mark_failed(session, payload["dataset_id"])
    upload = session.get(Upload, payload["source"].get("upload") or "")
    if upload is not None:
        upload.job_id = None


def _staging(job: JobContext) -> Staging:
    payload = job.payload
    return Staging(
        storage=job.resources.storages.open(payload["storage"]),
        dataset_id=payload["dataset_id"],
        job_id=job.job_id,
        generation=payload.get("generation", 0),
    )


def _archive(job: JobContext) -> tuple[Storage, ObjectSource]:
    """Where the archive lies, and the archive."""
    source = job.payload["source"]
    storage = job.resources.storages.open(source["storage"])
    return storage, ObjectSource(storage, source["key"])


def _limits(job: JobContext) -> Limits:
    limits = job.resources.settings.limits
    return Limits(
        entries=limits.entries,
        entry_bytes=limits.entry_bytes,
        total_bytes=limits.total_bytes,
        path_bytes=limits.path_bytes,
        segment_bytes=limits.segment_bytes,
        depth=limits.depth,
        index_bytes=limits.index_bytes,
    )


def _checked(job: JobContext, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        job.check()
        yield table


def _check_labels(job: JobContext, totals: ManifestTotals) -> None:
    most = job.resources.settings.limits.labels
    if len(totals.labels) > most:
        detail = f"the files have {len(totals.labels)} different labels; a dataset can have {most}"
        raise LabelsInvalid("TOO_MANY_LABELS", detail)


def _publish(
    session: Session, job: JobContext, staging: Staging, totals: ManifestTotals, columns: Mapping[str, Any]
) -> None:
    """The one moment at which anything of the import becomes visible."""
    moment = now(session)
    dataset_id, source = job.payload["dataset_id"], job.payload["source"]
    session.add(
        DatasetVersion(
            dataset_id=dataset_id,
            version=1,
            manifest_key=staging.manifest_key,
            files=totals.files,
            size_bytes=totals.size_bytes,
            comment=f"imported from {_named(source)}"[:255],
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
        **columns,
    }
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(**values))
    session.add(Litter(storage=job.payload["storage"], prefix=staging.prefix, due_at=moment))
    upload = session.get(Upload, source.get("upload") or "")
    if upload is not None:
        session.delete(upload)
        session.add(Litter(storage=upload.storage, prefix=upload.key.rpartition("/")[0] + "/", due_at=moment))


def _named(source: dict[str, Any]) -> str:
    """What people call the place that the content came from."""
    if "prefix" in source:
        return f"{source['storage']}: {source['prefix'] or 'all of it'}"
    if is_table(source):
        return f"{source['storage']}: {'a query' if 'query' in source else table_name(source)}"
    name: str = source["filename"] or source["key"]
    return name


def _mark_failed(session: Session, dataset_id: str) -> None:
    waiting = (Dataset.id == dataset_id, Dataset.state == DatasetState.IMPORTING)
    session.execute(update(Dataset).where(*waiting).values(state=DatasetState.FAILED))
