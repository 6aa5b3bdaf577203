"""Exports: files and labels of several datasets, selected by label, as one archive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.datasets import places
from datacenter.datasets.archives.records import (
    ArchiveForm,
    find_or_plan,
    is_alive,
    request_record,
    wait_for_current_builder,
)
from datacenter.datasets.archives.selection import SelectedVersion, Selection, filtered_rows
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.manifest import ManifestTotals, read_rows
from datacenter.datasets.models import Archive, Dataset, Export
from datacenter.datasets.records import find_version
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.parts import PartNote
from datacenter.errors import Gone, Invalid, NotFound
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind
from datacenter.storages.owners import resolve


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """A request to export; a dataset without a version means its newest."""

    datasets: tuple[tuple[str, int | None], ...]
    labels: LabelFilter = field(default_factory=LabelFilter)
    label_format: str = "jsonl"
    table_format: str = "parquet"
    archive: str = "zip"
    compression: str = "none"
    storage: str | None = None

    @property
    def form(self) -> ArchiveForm:
        """The archive's formats and compression."""
        return ArchiveForm(
            archive=self.archive,
            label_format=self.label_format,
            table_format=self.table_format,
            compression=self.compression,
        )


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The content of an export before it is made, see `totals_of`; bytes are those of the stored files, without the
    archive's own."""

    files: int
    size_bytes: int
    rows: int | None
    labels: dict[str, int]


def preview(resources: Resources, project_id: str, request: ExportRequest) -> Preview:
    """Count what an export would hold. Raises: NotFound, DatasetNotReady, Invalid."""
    request.form.check()
    with resources.database.reading() as session:
        selection = select_versions(session, project_id, request.datasets, request.labels)
    totals = totals_of(resources, selection)
    return Preview(
        files=totals.files,
        size_bytes=totals.size_bytes,
        rows=totals.rows,
        labels=dict(sorted(totals.labels.items())),
    )


def create(
    session: Session, resources: Resources, project_id: str, request: ExportRequest, options: JobOptions
) -> tuple[Export, Archive, Job]:
    """Add an export and its job, which builds the archive or waits for another job that is building it.

    Raises: NotFound, DatasetNotReady, Invalid.
    """
    request.form.check()
    selection = select_versions(session, project_id, request.datasets, request.labels)
    storage = places.target(
        session, resources.storages, resolve(session, resources.storages, project_id, request.storage)
    )
    record = request_record(selection, request.form, storage=storage)
    job_id, name = new_id(), "-".join(version.name for version in selection.versions)[:100]
    lifetime = timedelta(seconds=resources.settings.lifetimes.archive_seconds)
    archive = find_or_plan(session, project_id, record, name=name, job_id=job_id, lifetime=lifetime)
    export = Export(
        id=new_id(), project_id=project_id, archive_id=archive.id, job_id=job_id, created_at=now(session)
    )
    session.add(export)
    job = ledger.enqueue(
        session,
        project_id=project_id,
        kind=JobKind.EXPORT,
        payload={"archive_id": archive.id, "export_id": export.id},
        dataset_ids=archive.dataset_ids,
        options=options,
        after_any_end=wait_for_current_builder(session, archive, job_id),
        job_id=job_id,
    )
    return export, archive, job


def find(session: Session, project_id: str, export_id: str) -> tuple[Export, Archive]:
    """An export with its archive, which may have expired. Raises: NotFound."""
    export = session.get(Export, export_id)
    if export is None or export.project_id != project_id:
        raise NotFound(f"there is no export {export_id}")
    return export, session.get_one(Archive, export.archive_id)


def find_living(session: Session, project_id: str, export_id: str) -> tuple[Export, Archive]:
    """An export whose archive can still be fetched; the archive is locked so that it cannot expire. Raises: NotFound, Gone."""
    export, _ = find(session, project_id, export_id)
    archive = session.get_one(Archive, export.archive_id, with_for_update=True, populate_existing=True)
    if not is_alive(archive, now(session)):
        raise Gone("the export's archive has expired; export again")
    require_datasets(session, archive)
    return export, archive


def require_datasets(session: Session, archive: Archive) -> None:
    """Raises: Gone when a dataset of the archive was deleted."""
    living = select(func.count()).select_from(Dataset).where(Dataset.id.in_(archive.dataset_ids))
    if session.scalar(living) != len(archive.dataset_ids):
        raise Gone("a dataset of this archive was deleted; request an archive without it")


def list_exports(
    session: Session, project_id: str, *, after_id: str | None = None, limit: int
) -> list[tuple[Export, Archive]]:
    """The project's exports, newest first."""
    query = select(Export, Archive).join(Archive, Archive.id == Export.archive_id)
    query = query.where(Export.project_id == project_id)
    if after_id is not None:
        query = query.where(Export.id < after_id)
    rows = session.execute(query.order_by(Export.id.desc()).limit(limit))
    return [(export, archive) for export, archive in rows]


def select_versions(
    session: Session, project_id: str, datasets: Sequence[tuple[str, int | None]], labels: LabelFilter
) -> Selection:
    """The selection, with the current newest version where none is named. Raises: NotFound, DatasetNotReady, Invalid."""
    if not datasets:
        raise Invalid("datasets: name at least one", field="datasets")
    if len({dataset_id for dataset_id, _ in datasets}) != len(datasets):
        raise Invalid("datasets: a dataset is named twice; name each once", field="datasets")
    versions = []
    for dataset_id, wanted in datasets:
        dataset, version = find_version(session, project_id, dataset_id, wanted)
        versions.append(
            SelectedVersion(
                dataset_id=dataset.id,
                name=dataset.name,
                version=version.version,
                storage=dataset.storage,
                manifest_key=version.manifest_key,
                kind=dataset.kind,
                label_column=dataset.label_column,
                table_storage=dataset.table_storage,
                table_name=dataset.table_name,
            )
        )
    return Selection(versions=tuple(versions), labels=labels)


@dataclass(kw_only=True)
class SelectionTotals:
    """Labels count files, or rows in tables; `rows` is None without any table."""

    files: int = 0
    size_bytes: int = 0
    rows: int | None = None
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, files: int, size_bytes: int, labels: dict[str, int]) -> None:
        """Count some more."""
        self.files += files
        self.size_bytes += size_bytes
        for label, count in labels.items():
            self.labels[label] = self.labels.get(label, 0) + count


def totals_of(resources: Resources, selection: Selection) -> SelectionTotals:
    """The totals of the selection. For a part of which only some rows are selected, bytes are estimated by its rows."""
    totals = SelectionTotals()
    for version in selection.versions:
        if version.kind == "table":
            _add_table(resources, version, selection.labels, totals)
        else:
            counted = ManifestTotals()
            for table in filtered_rows(
                resources, version, selection.labels, ["path", "labels", "size_bytes"]
            ):
                counted.add(table)
            totals.add(counted.files, counted.size_bytes, counted.labels)
    return totals


def _add_table(
    resources: Resources, version: SelectedVersion, labels: LabelFilter, totals: SelectionTotals
) -> None:
    totals.rows = totals.rows or 0
    storage = resources.storages.open(version.storage)
    for table in read_rows(storage, version.manifest_key, ["size_bytes", "annotation"]):
        for part in table.to_pylist():
            note = PartNote.from_text(part["annotation"])
            kept = note.matching(labels)
            if kept.rows or labels == LabelFilter():
                size_bytes = part["size_bytes"] * kept.rows // note.rows if note.rows else part["size_bytes"]
                totals.add(1, size_bytes, dict(kept.labels))
                totals.rows += kept.rows
