"""Archive records: the same selection of the same versions is one archive, built once and shared until it expires."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.archives.selection import SelectedVersion, Selection
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Archive, ArchiveState, Download, Export
from datacenter.errors import Invalid
from datacenter.formats.registry import ANNOUNCED, exported_formats
from datacenter.formats.table_formats import TABLE_FORMATS
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.states import FINISHED

ARCHIVE_FORMATS = {"zip": ("zip", "application/zip"), "tar": ("tar", "application/x-tar")}
"""Archive format → file name suffix, media type."""
COMPRESSIONS = ("none", "deflate")


@dataclass(frozen=True, kw_only=True)
class ArchiveForm:
    """How a selection is written as an archive."""

    archive: str = "zip"
    label_format: str = "jsonl"
    table_format: str = "parquet"
    compression: str = "none"

    def check(self) -> None:
        """Raises: Invalid, naming the field."""
        label_formats = exported_formats()
        if self.label_format in ANNOUNCED and self.label_format not in label_formats:
            raise Invalid(
                f"label_format: {self.label_format} is not supported yet; use {' or '.join(label_formats)}",
                field="label_format",
            )
        known = {
            "archive": ARCHIVE_FORMATS,
            "label_format": label_formats,
            "table_format": TABLE_FORMATS,
            "compression": COMPRESSIONS,
        }
        for field, values in known.items():
            value = getattr(self, field)
            if value not in values:
                raise Invalid(f"{field}: {value!r} is not one of {', '.join(values)}", field=field)
        if self.compression == "deflate" and self.archive != "zip":
            raise Invalid(
                "compression: a tar cannot be compressed; use none, or archive zip",
                field="compression",
            )


def request_record(selection: Selection, form: ArchiveForm, *, storage: str) -> dict[str, Any]:
    """Everything that determines an archive's bytes and storage, as JSON; without a table, `table_format` is ignored."""
    has_table = any(version.kind == "table" for version in selection.versions)
    labels = selection.labels
    return {
        "versions": [
            _version_record(version)
            for version in sorted(selection.versions, key=lambda version: version.name.encode())
        ],
        "labels": {
            "any": sorted(set(labels.any)),
            "all": sorted(set(labels.all)),
            "none": sorted(set(labels.none)),
        },
        **asdict(form if has_table else replace(form, table_format="parquet")),
        "storage": storage,
    }


def _version_record(version: SelectedVersion) -> dict[str, Any]:
    """Leave out the fields of a kept table if there is none, so that fingerprints from before they existed stay equal."""
    record = asdict(version)
    if version.table_name is None:
        del record["table_storage"], record["table_name"]
    return record


def selection_of(request: dict[str, Any]) -> Selection:
    """The selection in a record of `request_record`."""
    labels = {name: tuple(values) for name, values in request["labels"].items()}
    versions = tuple(SelectedVersion(**version) for version in request["versions"])
    return Selection(versions=versions, labels=LabelFilter(**labels))


def is_rendered(version: SelectedVersion, request: dict[str, Any]) -> bool:
    """Whether a version's parts must be rendered, because no objects can go into the archive as they are: a kept table,
    or a table of which only some rows or another format is requested."""
    return version.kind == "table" and (
        version.table_name is not None
        or request["table_format"] != "parquet"
        or any(request["labels"].values())
    )


def find_or_plan(
    session: Session, project_id: str, request: dict[str, Any], *, name: str, job_id: str, lifetime: timedelta
) -> Archive:
    """The archive of this request; a living one with the same fingerprint is shared, its lifetime extended if needed."""
    fingerprint = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    moment = now(session)
    alive = (
        Archive.project_id == project_id,
        Archive.fingerprint == fingerprint,
        Archive.state != ArchiveState.EXPIRED,
        Archive.expires_at > moment,
    )
    archive = session.scalars(select(Archive).where(*alive).with_for_update()).first()
    if archive is not None:
        archive.expires_at = max(archive.expires_at, moment + lifetime)
        return archive
    suffix, media_type = ARCHIVE_FORMATS[request["archive"]]
    archive = Archive(
        project_id=project_id,
        fingerprint=fingerprint,
        state=ArchiveState.PLANNED,
        storage=request["storage"],
        request=request,
        filename=f"{name}.{suffix}",
        media_type=media_type,
        dataset_ids=[version["dataset_id"] for version in request["versions"]],
        job_id=job_id,
        created_at=moment,
        expires_at=moment + lifetime,
    )
    session.add(archive)
    session.flush()
    return archive


def wait_for_current_builder(session: Session, archive: Archive, job_id: str) -> list[str]:
    """Make a job the next writer of an archive; returns the previous writer, for which it has to wait.

    So only one job at a time writes an archive, and later jobs find it finished. A job that may not begin yet, because
    it waits for a time or another job, does not block the next one: each job writes to a key of its own, and the first
    to finish wins. (If members are deflated or rendered first, jobs share those objects, so there it does block.)
    """
    before = session.get(Job, archive.job_id)
    archive.job_id = job_id
    if before is None or before.id == job_id or before.state in FINISHED:
        return []
    request = archive.request
    shares_members = request["compression"] != "none" or any(
        is_rendered(version, request) for version in selection_of(request).versions
    )
    is_still_waiting = not shares_members and not ledger.has_started(session, before)
    return [] if is_still_waiting else [before.id]


def is_wanted(session: Session, archive: Archive, *, except_job_id: str = "") -> bool:
    """Whether an unfinished job needs the archive, not counting the job `except_job_id`."""
    for request in (Export, Download):
        query = (
            select(Job.id)
            .join(request, request.job_id == Job.id)
            .where(request.archive_id == archive.id, Job.id != except_job_id, Job.state.not_in(FINISHED))
        )
        if session.scalars(query.limit(1)).first() is not None:
            return True
    return False


def is_alive(archive: Archive, moment: datetime) -> bool:
    """Whether an archive may still be fetched."""
    return archive.state != ArchiveState.EXPIRED and archive.expires_at > moment
