"""Datasets, their versions and labels."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from datacenter.datasets.models import DatasetState
from datacenter.formats.label_rules import LABEL_BYTES, broken_rule
from datacenter.formats.registry import imported_formats
from datacenter.web.schemas.base import MAX_ID_CHARACTERS, Request, ResponseBody, ShortText, Text, Time
from datacenter.web.schemas.jobs import JobObject, JobStartingRequest

MAX_PATHS = 100_000
MAX_LABELS = 1_000
MAX_QUERY_CHARACTERS = 50_000
SOURCES = (
    {"upload"},
    {"storage", "key"},
    {"storage", "prefix"},
    {"storage", "table"},
    {"storage", "query"},
)


def _printable(value: str) -> str:
    if any(ord(character) < 32 or 0x7F <= ord(character) <= 0x9F for character in value):
        raise ValueError("control characters are not allowed")
    return value


def _without_steps(value: str) -> str:
    if {".", ".."} & set(value.split("/")):
        raise ValueError("must not have . or .. as a segment")
    return value


Name = Annotated[Text, Field(min_length=1, max_length=255), AfterValidator(_printable)]
Description = Annotated[Text, Field(max_length=10_000)]
Tags = Annotated[list[Name], Field(max_length=100)]


def _as_imported(value: str) -> str:
    label = value.strip()
    if reason := broken_rule(label):
        raise ValueError(reason)
    return label


Label = Annotated[
    str,
    AfterValidator(_as_imported),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LABEL_BYTES}),
]
"""A label by the rules of imports, stripped."""


LabelFormat = Annotated[
    Text, Field(max_length=32), WithJsonSchema({"type": "string", "enum": imported_formats()})
]


class Source(Request):
    """Where the content comes from: `{upload}`, `{storage, key}`, `{storage, prefix}`, `{storage, table}` or `{storage, query}`."""

    upload: ShortText | None = Field(None, description="A finished upload of an archive.")
    storage: ShortText | None = Field(None, description="A storage whose role is source or both.")
    key: Text | None = Field(None, description="With storage: the key of an archive.")
    prefix: Text | None = Field(
        None,
        description="With storage: a folder, with or without its last `/`. Every object in it and below becomes a file; "
        "the rest of its key is the path. Empty: the whole storage.",
    )
    table: Text | None = Field(
        None, max_length=MAX_ID_CHARACTERS, description="With a storage of tables: database.table."
    )
    query: Text | None = Field(
        None, max_length=MAX_QUERY_CHARACTERS, description="With a storage of tables: exactly one SELECT."
    )

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if given not in SOURCES:
            raise ValueError(
                "give upload, or storage with one of key, prefix, table, query; "
                f"got {' and '.join(sorted(given)) or 'nothing'}"
            )
        return self


class DatasetContent(Request):
    """A dataset to import; for an archive, it can be checked before the upload."""

    name: Annotated[Name, AfterValidator(_without_steps)]
    storage: ShortText | None = Field(
        None,
        description="The storage for the files. Default: the server's default storage. For a table or query, "
        "it may be a storage of tables, which then keeps the rows in a table.",
    )
    label_format: LabelFormat | None = Field(None, description="Default: detected.")
    name_encoding: Text | None = Field(
        None,
        max_length=32,
        description="Tried first for names that are not marked as UTF-8; then UTF-8 and GB18030.",
    )
    description: Description = ""
    tags: Tags = Field(default_factory=list)


class NewDatasetRequest(DatasetContent, JobStartingRequest):
    """An import."""

    source: Source
    label_column: Text | None = Field(
        None,
        max_length=MAX_ID_CHARACTERS,
        description="For a table or query: the column whose values label the rows. Default: the column `label`, "
        "if there is one. Empty: no labels.",
    )


class DatasetChange(Request):
    """The fields to change."""

    name: Annotated[Name, AfterValidator(_without_steps)] | None = None
    description: Description | None = None
    tags: Tags | None = None


class DatasetObject(ResponseBody):
    """A named collection of files, or a table, in its newest version.

    The files of a table are the Parquet objects that hold its rows; its `labels` count rows. If its rows are kept in a
    table, `storage` is the storage of tables, `table` that table as database.table, and the files are pieces of it,
    whose size in bytes is that in Arrow.
    """

    id: str
    project: str
    name: str
    kind: Literal["files", "table"]
    state: DatasetState
    version: int
    storage: str
    table: str | None
    files: int
    size_bytes: int
    rows: int | None
    label_column: str | None
    labels: dict[str, int]
    description: str
    tags: list[str]
    created_by: str | None
    created_at: Time
    updated_at: Time


class DatasetStarted(ResponseBody):
    """A dataset that is being imported, and the job that does it."""

    dataset: DatasetObject
    job: JobObject


class VersionObject(ResponseBody):
    """One immutable state of a dataset."""

    version: int
    files: int
    size_bytes: int
    comment: str
    created_by: str | None
    created_at: Time


class SelectionRequest(Request):
    """Files by path, by label or by the start of the path; a file must match every given field."""

    paths: list[Text] | None = Field(None, min_length=1, max_length=MAX_PATHS)
    labels: list[Label] | None = Field(None, min_length=1, max_length=MAX_LABELS)
    prefix: Text | None = None

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if self.paths is None and self.labels is None and self.prefix is None:
            raise ValueError("give paths, labels or prefix")
        return self


class LabelChange(Request):
    """Labels to add to and to remove from the selected files."""

    select: SelectionRequest
    add: list[Label] = Field(default_factory=list, max_length=MAX_LABELS)
    remove: list[Label] = Field(default_factory=list, max_length=MAX_LABELS)

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("give labels to add or to remove")
        return self


class FileObject(ResponseBody):
    """A row of a manifest."""

    path: str
    size_bytes: int
    crc32: int
    media_type: str
    labels: list[str]
    annotation: Any | None
