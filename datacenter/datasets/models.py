"""The database rows of datasets: records, versions, label counts, uploads, archives and downloads. Never single files."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from datacenter.database.engine import Base, UtcDateTime, new_id


class DatasetState(StrEnum):
    """DELETING is shown only for deleted datasets in their grace period."""

    IMPORTING = "IMPORTING"
    READY = "READY"
    FAILED = "FAILED"
    DELETING = "DELETING"


class Dataset(Base):
    """A live dataset. Deleting it removes this row; a `DeletedDataset` keeps what the cleanup needs."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16), default="files")
    state: Mapped[DatasetState] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=0)
    """0 until the first version is published."""
    storage: Mapped[str] = mapped_column(String(64))
    """The storage of the manifest, and of the objects unless the rows are kept in a table."""
    table_storage: Mapped[str | None] = mapped_column(String(64))
    """The storage of tables that keeps the rows, set by the request; None if the dataset is kept as objects."""
    table_name: Mapped[str | None] = mapped_column(String(160))
    """The kept table as `database.table`, once it is published."""
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    """Rows of a table; None for files."""
    label_column: Mapped[str | None] = mapped_column(String(255))
    """The column of a table whose values are the labels of its rows, if there is one."""
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_by: Mapped[str | None] = mapped_column(String(128))
    """The name of the subject; None in rows of releases that did not write it, as in all `created_by`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def home(self) -> str:
        """The requested storage, which holds the rows or files once there is a version.

        If a version has objects in spite of a storage of tables, a worker of an older release made it.
        """
        has_objects = self.version > 0 and self.table_name is None
        return self.storage if has_objects else self.table_storage or self.storage

    @property
    def prefix(self) -> str:
        """The prefix of all objects of the dataset, and of nothing else."""
        return dataset_prefix(self.id)


def dataset_prefix(dataset_id: str) -> str:
    """The storage prefix that belongs to one dataset alone."""
    return f"datasets/{dataset_id}/"


class DatasetVersion(Base):
    """One immutable state of a dataset: a manifest and its totals."""

    __tablename__ = "dataset_versions"

    dataset_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    manifest_key: Mapped[str] = mapped_column(String(512))
    files: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    comment: Mapped[str] = mapped_column(String(255), default="")
    created_by: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LabelCount(Base):
    """Files with a label in the newest version of a dataset; rows, if it is a table."""

    __tablename__ = "label_counts"
    __table_args__ = (Index("label_counts_by_label", "label", "dataset_id"),)

    dataset_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    label: Mapped[str] = mapped_column(String(255), primary_key=True)
    files: Mapped[int] = mapped_column(BigInteger)


class DeletedDataset(Base):
    """What remains of a deleted dataset until its files are removed; it can be restored until the job begins."""

    __tablename__ = "deleted_datasets"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(36), index=True)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    job_id: Mapped[str] = mapped_column(String(36))
    restore_until: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Upload(Base):
    """An upload of an archive: by tus, with `offset_bytes` received and stored so far, or directly to the storage."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36))
    storage: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(512))
    storage_upload_id: Mapped[str] = mapped_column(String(255))
    filename: Mapped[str] = mapped_column(String(255), default="")
    upload_metadata: Mapped[str] = mapped_column(Text, default="")
    """As the client sent it, to be returned unchanged."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    offset_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    parts: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """What was received by tus; for other uploads the storage has the list."""
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """The size of the parts that the client puts directly to the storage, except the last one; None for tus."""
    completed: Mapped[bool] = mapped_column(default=False)
    job_id: Mapped[str | None] = mapped_column(String(36))
    """The import that reads it; such an upload is not swept before the job has ended."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until then a request may write a piece; afterwards its server counts as dead."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ArchiveState(StrEnum):
    """The exact bytes of a LAID_OUT archive are known but not written; it can be streamed."""

    PLANNED = "PLANNED"
    LAID_OUT = "LAID_OUT"
    READY = "READY"
    EXPIRED = "EXPIRED"


class Archive(Base):
    """A selection of files as one archive; the same selection of the same versions is one archive."""

    __tablename__ = "archives"
    __table_args__ = (Index("archives_by_fingerprint", "project_id", "fingerprint"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of its content and form: datasets with versions, labels, formats."""
    state: Mapped[ArchiveState] = mapped_column(String(16))
    storage: Mapped[str] = mapped_column(String(64))
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    filename: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(64))
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    etag: Mapped[str] = mapped_column(String(64), default="")
    object_name: Mapped[str] = mapped_column(String(128), default="")
    """The finished archive's name under the prefix; each job that builds it uses names of its own."""
    dataset_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    job_id: Mapped[str] = mapped_column(String(36))
    """The latest job to write it; the next job that needs the same archive waits for this one."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @property
    def prefix(self) -> str:
        """The prefix of the archive, its member table and its sidecars."""
        return f"archives/{self.id}/"

    @property
    def key(self) -> str:
        """The key of the finished archive, once it is READY."""
        return f"{self.prefix}{self.object_name}"

    @property
    def members_key(self) -> str:
        """The key of the member table: a Parquet row per member in archive order."""
        return f"{self.prefix}members.parquet"


class Litter(Base):
    """Stored bytes that nothing refers to after `due_at`; the sweep removes them, then this row.

    On a storage of tables it is a table.
    """

    __tablename__ = "litter"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    storage: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(512))
    """Ends in `/`; everything under it is removed. For a table it is `database.table`."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Export(Base):
    """One request for an archive by labels over datasets."""

    __tablename__ = "exports"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36), index=True)
    archive_id: Mapped[str] = mapped_column(String(36), index=True)
    job_id: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Delivery(StrEnum):
    """`archive` is built on the storage first; `stream` is made from the stored objects while it is read."""

    ARCHIVE = "archive"
    STREAM = "stream"


class Download(Base):
    """The right to fetch one archive until it expires."""

    __tablename__ = "downloads"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36), index=True)
    archive_id: Mapped[str] = mapped_column(String(36), index=True)
    delivery: Mapped[Delivery] = mapped_column(String(16))
    filename: Mapped[str] = mapped_column(String(255))
    job_id: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
