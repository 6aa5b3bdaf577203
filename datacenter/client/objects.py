"""The objects of the REST API as frozen dataclasses; fields of a newer server are ignored."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FINISHED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A named collection of files, or a table, in its newest version; the labels of a table count rows."""

    id: str
    name: str
    state: str
    kind: str = "files"
    project: str = ""
    version: int = 0
    storage: str = ""
    table: str | None = None
    files: int = 0
    size_bytes: int = 0
    rows: int | None = None
    label_column: str | None = None
    labels: dict[str, int] = field(default_factory=dict)
    description: str = ""
    tags: tuple[str, ...] = ()
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Version:
    """One immutable state of a dataset."""

    version: int
    files: int = 0
    size_bytes: int = 0
    comment: str = ""
    created_by: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A row of a manifest."""

    path: str
    size_bytes: int
    crc32: int | None = None
    media_type: str = ""
    labels: tuple[str, ...] = ()
    annotation: Any = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a job; totals are None until they are known."""

    phase: str | None = None
    files_done: int = 0
    files_total: int | None = None
    bytes_done: int = 0
    bytes_total: int | None = None


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed; `entry` is the offending file of an archive.

    If `retryable` is false, a retry fails in the same way: the source or the request is at fault.
    """

    code: str
    message: str = ""
    entry: str | None = None
    retryable: bool = True
    """True for an older server, which does not say: a retry that fails again does no harm."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One request that workers carry out."""

    id: str
    kind: str
    state: str
    project: str = ""
    dataset_ids: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Progress)
    attempts: int = 0
    error: JobError | None = None
    result: dict[str, Any] | None = None
    priority: int = 0
    not_before: datetime | None = None
    after: tuple[str, ...] = ()
    created_by: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.state in FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether all the work was done."""
        return self.state == "SUCCESS"


@dataclass(frozen=True, kw_only=True)
class LabelFilter:
    """Files with one of `any`, all of `all` and none of `none`; an empty part is no condition."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def body(self) -> dict[str, list[str]]:
        """The JSON of the filter, without its empty parts."""
        parts = {"any": self.any, "all": self.all, "none": self.none}
        return {name: list(labels) for name, labels in parts.items() if labels}


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The size of an export before it is made; `rows` are those of tables, None without tables."""

    files: int
    size_bytes: int
    rows: int | None = None
    labels: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Export:
    """A selection of files over datasets as one archive."""

    id: str
    state: str = ""
    files: int = 0
    size_bytes: int = 0
    filename: str = ""
    job_id: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Download:
    """The right to fetch one archive; `url` is None when the archive is gone."""

    id: str
    url: str | None = None
    filename: str = ""
    size_bytes: int | None = None
    expires_at: datetime | None = None
    delivery: str = ""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A registered place; secrets in its options read as `***`."""

    name: str
    kind: str
    role: str = "platform"
    url: str = ""
    shared: bool = True
    projects: tuple[str, ...] | None = None
    created_by: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """The result of a storage's check; `detail` says what is wrong."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An object of a source (`kind` is `object`), or a prefix that objects share."""

    name: str
    key: str
    kind: str
    size_bytes: int | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Me:
    """Who sends the requests of this client."""

    who: str
    role: str
    project: str
    subject: str = ""
    operator: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token; `secret` is there only in the answer that created it."""

    id: str
    name: str
    role: str = ""
    project: str = ""
    operator: bool = False
    secret: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Project:
    """An owner of datasets, jobs, tokens and storages; `token` is there only in the answer that created it."""

    id: str
    name: str
    weight: int = 1
    created_at: datetime | None = None
    token: Token | None = None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One change, or one refused request; `result` is `done`, or the code of the refusal."""

    id: str
    action: str
    at: datetime | None = None
    project: str | None = None
    who: str = ""
    subject: str | None = None
    address: str | None = None
    object_kind: str | None = None
    object: str | None = None
    result: str = ""
    request_id: str | None = None
