"""Dataset records: create them with an import job, find and list them, change their descriptions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.name_encoding import legacy_encodings
from datacenter.database.engine import is_duplicate, new_id, now
from datacenter.datasets import places
from datacenter.datasets.models import (
    Dataset,
    DatasetState,
    DatasetVersion,
    DeletedDataset,
    LabelCount,
    Upload,
)
from datacenter.datasets.places import DatasetHome
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import KeptTable, kept_name
from datacenter.errors import Conflict, DatasetNotReady, Invalid, NameTaken, NotFound
from datacenter.formats.registry import imported_formats
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind
from datacenter.observability.context import actor
from datacenter.storages.owners import resolve
from storage_adapters.table_storage.contract import TableName

TABLE_SOURCES = {"table", "query"}
"""Fields of a source that make a dataset of kind table."""


@dataclass(frozen=True, kw_only=True)
class NewDataset:
    """A request to import; `source` is one of the forms of the REST interface."""

    name: str
    source: dict[str, Any]
    storage: str | None = None
    label_format: str | None = None
    name_encoding: str | None = None
    label_column: str | None = None
    """For a table or query; the column `label` if left out, none if empty."""
    description: str = ""
    tags: tuple[str, ...] = ()


def create(
    session: Session, resources: Resources, project_id: str, new: NewDataset, options: JobOptions
) -> tuple[Dataset, Job]:
    """Add a dataset in state IMPORTING and the job that fills it.

    Raises:
        NameTaken, NotFound (the upload), Conflict (the upload is not complete or has an import already), Invalid.
    """
    kind = "table" if TABLE_SOURCES & new.source.keys() else "files"
    home = _checked_home(session, resources, project_id, new, kind)
    moment = now(session)
    dataset = Dataset(
        id=new_id(),
        project_id=project_id,
        name=new.name,
        kind=kind,
        state=DatasetState.IMPORTING,
        storage=home.storage,
        table_storage=home.table_storage,
        description=new.description,
        tags=list(new.tags),
        created_by=actor(),
        created_at=moment,
        updated_at=moment,
    )
    session.add(dataset)
    _flush_name(session, new.name)
    job_id = new_id()
    payload = {
        "dataset_id": dataset.id,
        "storage": home.storage,
        **_kept_table(home, dataset.id, job_id),
        "source": _source(session, resources, project_id, new.source, job_id),
        "label_format": new.label_format,
        "name_encoding": new.name_encoding,
        "label_column": new.label_column,
    }
    job = ledger.enqueue(
        session,
        project_id=project_id,
        kind=JobKind.IMPORT,
        payload=payload,
        dataset_ids=[dataset.id],
        options=options,
        job_id=job_id,
    )
    return dataset, job


def check_new(session: Session, resources: Resources, project_id: str, new: NewDataset) -> None:
    """Refuse before the upload of an archive what `create` would refuse after it. Raises: NameTaken, Invalid."""
    _checked_home(session, resources, project_id, new, "files")
    same = select(Dataset.id).where(Dataset.project_id == project_id, Dataset.name == new.name)
    if session.scalar(same) is not None:
        raise _taken(new.name)


def _checked_home(
    session: Session, resources: Resources, project_id: str, new: NewDataset, kind: str
) -> DatasetHome:
    """Check the request; returns where the dataset will be kept. Raises: Invalid."""
    if new.label_format is not None and new.label_format not in imported_formats():
        known = ", ".join(imported_formats())
        raise Invalid(
            f"label_format: {new.label_format!r} cannot be imported; use {known}", field="label_format"
        )
    _check_encoding(new.name_encoding)
    _check_fields(new, kind)
    default = resolve(session, resources.storages, project_id, None)
    storage = None if new.storage is None else resolve(session, resources.storages, project_id, new.storage)
    return places.home(session, resources.storages, storage or default, kind=kind)


def _kept_table(home: DatasetHome, dataset_id: str, job_id: str) -> dict[str, Any]:
    """The part of the payload that names the table, if there will be one."""
    if home.table_storage is None:
        return {}
    name = TableName(database=home.database, table=kept_name(dataset_id, job_id, generation=0))
    return KeptTable(storage=home.table_storage, name=name).to_payload()


def _check_fields(new: NewDataset, kind: str) -> None:
    """Refuse fields that do not fit the kind of dataset. Raises: Invalid."""
    misplaced = {
        "table": {"label_format": new.label_format, "name_encoding": new.name_encoding},
        "files": {"label_column": new.label_column},
    }
    for field, value in misplaced[kind].items():
        if value is not None:
            raise Invalid(f"{field}: not allowed for a dataset of kind {kind}; leave it out", field=field)


def _check_encoding(requested: str | None) -> None:
    try:
        legacy_encodings(requested)
    except (ArchiveRejected, ValueError) as error:  # Python refuses a text with NUL before the lookup
        raise Invalid(
            "name_encoding: unknown or not usable for names; try gb18030, big5 or cp932",
            field="name_encoding",
        ) from error


def _source(
    session: Session, resources: Resources, project_id: str, source: dict[str, Any], job_id: str
) -> dict[str, Any]:
    """The source for the job's payload: a completed upload, which belongs to the job from now on, an archive on a
    storage, the objects under a prefix, a table or a query."""
    if "upload" in source:
        upload = session.get(Upload, source["upload"], with_for_update=True)
        if upload is None or upload.project_id != project_id:
            raise NotFound(f"source.upload: there is no upload {source['upload']}", field="source.upload")
        if not upload.completed:
            reason = (
                f"{upload.offset_bytes} of {upload.size_bytes} bytes were received; send the rest"
                if upload.part_bytes is None
                else "it was not completed by a request; complete it first"
            )
            raise Conflict(f"source.upload: the upload is not complete: {reason}", field="source.upload")
        if upload.job_id is not None and upload.job_id != job_id:
            raise Conflict(
                f"source.upload: job {upload.job_id} already imports it; upload the archive again",
                field="source.upload",
            )
        upload.job_id = job_id
        return {
            "storage": upload.storage,
            "key": upload.key,
            "filename": upload.filename,
            "upload": upload.id,
        }
    storages = resources.storages
    storage = resolve(session, storages, project_id, source["storage"], field="source.storage")
    if "key" in source:
        places.check_source(session, storages, storage, source["key"])
        name = source["key"].rsplit("/", 1)[-1]
        return {"storage": storage, "key": source["key"], "filename": name}
    if "prefix" in source:
        folder = places.source_folder(session, storages, storage, source["prefix"])
        return {"storage": storage, "prefix": folder}
    if "table" in source:
        table = places.table_source(session, storages, storage, source["table"])
        return {"storage": storage, "database": table.database, "table": table.table}
    query = places.query_source(session, storages, storage, source["query"])
    return {"storage": storage, "query": query}


def list_datasets(
    session: Session,
    project_id: str,
    *,
    q: str | None = None,
    label: str | None = None,
    tag: str | None = None,
    state: DatasetState | None = None,
    after_id: str | None = None,
    limit: int,
) -> list[Dataset]:
    """The project's datasets, newest first; `state=DELETING` lists those that can still be restored."""
    if state == DatasetState.DELETING:
        return _restorable(session, project_id, after_id, limit)
    query = select(Dataset).where(Dataset.project_id == project_id).order_by(Dataset.id.desc()).limit(limit)
    if q:
        query = query.where(func.lower(Dataset.name).contains(q.lower(), autoescape=True))
    if label is not None:
        query = query.join(LabelCount, LabelCount.dataset_id == Dataset.id).where(LabelCount.label == label)
    if state is not None:
        query = query.where(Dataset.state == state)
    if after_id is not None:
        query = query.where(Dataset.id < after_id)
    if tag is None:
        return list(session.scalars(query))
    # Tags are a short JSON list, which the databases search in different ways: they are compared here.
    found: list[Dataset] = []
    for dataset in session.scalars(query.limit(None).execution_options(yield_per=500)):
        if tag in dataset.tags:
            found.append(dataset)
        if len(found) == limit:
            break
    return found


def find(session: Session, project_id: str, dataset_id: str) -> Dataset:
    """A dataset of the project. Raises: NotFound."""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None or dataset.project_id != project_id:
        raise NotFound(f"there is no dataset {dataset_id}")
    return dataset


def labels_of(session: Session, dataset_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Number of files by label in each dataset's newest version."""
    counts: dict[str, dict[str, int]] = {dataset_id: {} for dataset_id in dataset_ids}
    query = select(LabelCount).where(LabelCount.dataset_id.in_(dataset_ids)).order_by(LabelCount.label)
    for row in session.scalars(query):
        counts[row.dataset_id][row.label] = row.files
    return counts


def update(
    session: Session,
    project_id: str,
    dataset_id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: tuple[str, ...] | None = None,
) -> Dataset:
    """Change a dataset's name, description or tags; None leaves a field as it is. Raises: NotFound, NameTaken."""
    # Locked, so that a delete at the same time comes before it or after it.
    session.get(Dataset, dataset_id, with_for_update=True)
    dataset, moment = find(session, project_id, dataset_id), now(session)
    if name is not None:
        dataset.name = name
    if description is not None:
        dataset.description = description
    if tags is not None:
        dataset.tags = list(tags)
    dataset.updated_at = moment
    _flush_name(session, dataset.name)
    return dataset


def list_versions(
    session: Session, project_id: str, dataset_id: str, *, after_version: int | None = None, limit: int
) -> list[DatasetVersion]:
    """A dataset's versions, newest first. Raises: NotFound."""
    find(session, project_id, dataset_id)
    query = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    if after_version is not None:
        query = query.where(DatasetVersion.version < after_version)
    return list(session.scalars(query.order_by(DatasetVersion.version.desc()).limit(limit)))


def find_version(
    session: Session, project_id: str, dataset_id: str, version: int | None = None
) -> tuple[Dataset, DatasetVersion]:
    """A version of a dataset, the newest if none is named. Raises: NotFound, DatasetNotReady."""
    dataset = find(session, project_id, dataset_id)
    if dataset.version == 0:
        raise DatasetNotReady(f"dataset {dataset.name} is {dataset.state}; it has no files yet")
    row = session.get(DatasetVersion, (dataset_id, version or dataset.version))
    if row is None:
        raise NotFound(f"dataset {dataset.name} has no version {version}", field="version")
    return dataset, row


def _flush_name(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise _taken(name) from error


def _taken(name: str) -> NameTaken:
    return NameTaken(
        f"name: a dataset {name!r} already exists, maybe from a failed import; choose another name, or delete it",
        field="name",
    )


def _restorable(session: Session, project_id: str, after_id: str | None, limit: int) -> list[Dataset]:
    query = select(DeletedDataset).where(
        DeletedDataset.project_id == project_id, DeletedDataset.restore_until > now(session)
    )
    if after_id is not None:
        query = query.where(DeletedDataset.id < after_id)
    rows = session.scalars(query.order_by(DeletedDataset.id.desc()).limit(limit))
    return [from_record(row.record, DatasetState.DELETING) for row in rows]


def to_record(dataset: Dataset) -> dict[str, Any]:
    """A dataset's row as JSON, stored while the dataset can be restored."""
    columns = Dataset.__table__.columns.keys()
    record = {name: getattr(dataset, name) for name in columns}
    return record | {name: record[name].isoformat() for name in ("created_at", "updated_at")}


def from_record(record: dict[str, Any], state: DatasetState) -> Dataset:
    """The row from a record of `to_record`, in another state."""
    times = {name: datetime.fromisoformat(record[name]) for name in ("created_at", "updated_at")}
    return Dataset(**(record | times | {"state": state}))
