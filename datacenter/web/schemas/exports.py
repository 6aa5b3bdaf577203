"""Exports: one archive of the files with given labels from several datasets."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from datacenter.datasets.archives.records import ARCHIVE_FORMATS, COMPRESSIONS
from datacenter.datasets.models import ArchiveState
from datacenter.formats.registry import exported_formats
from datacenter.formats.table_formats import TABLE_FORMATS
from datacenter.web.schemas.base import OneOf, Request, ResponseBody, ShortText, Text, Time, VersionNumber
from datacenter.web.schemas.datasets import MAX_LABELS, Label
from datacenter.web.schemas.jobs import JobObject, JobStartingRequest

MAX_DATASETS = 1_000


LabelFormat = Annotated[
    Text, Field(max_length=32), WithJsonSchema({"type": "string", "enum": exported_formats()})
]
"""Names that are not supported yet get an error of their own when the request is checked."""
ArchiveFormat = Annotated[str, OneOf(ARCHIVE_FORMATS)]


class DatasetChoice(Request):
    """A dataset, in its newest version unless one is named."""

    id: ShortText
    version: VersionNumber | None = None


class LabelFilterRequest(Request):
    """Files with one of `any`, all of `all` and none of `none`; an empty list does not filter."""

    any: list[Label] = Field(default_factory=list, max_length=MAX_LABELS)
    all: list[Label] = Field(default_factory=list, max_length=MAX_LABELS)
    none: list[Label] = Field(default_factory=list, max_length=MAX_LABELS)


class ExportContent(Request):
    """What an export contains, and in which formats."""

    datasets: list[DatasetChoice] = Field(min_length=1, max_length=MAX_DATASETS)
    labels: LabelFilterRequest = LabelFilterRequest()
    label_format: LabelFormat = Field("jsonl", description="How labels are written.")
    table_format: Annotated[str, OneOf(TABLE_FORMATS)] = Field(
        "parquet", description="How the rows of tables are written."
    )
    archive: ArchiveFormat = "zip"
    compression: Annotated[str, OneOf(COMPRESSIONS)] = "none"
    storage: ShortText | None = Field(
        None, description="The storage for the archive. Default: the server's default storage."
    )


class NewExportRequest(ExportContent, JobStartingRequest):
    """An export to build."""


class PreviewObject(ResponseBody):
    """What an export would contain; `rows` and the labels of tables count rows."""

    files: int
    size_bytes: int
    rows: int | None
    labels: dict[str, int]


class ExportObject(ResponseBody):
    """One archive over datasets, and the job that builds it; sizes are 0 until it is laid out."""

    id: str
    state: ArchiveState
    files: int
    size_bytes: int
    filename: str
    job_id: str
    created_at: Time
    expires_at: Time


class ExportStarted(ResponseBody):
    """An export that is being built, and the job that does it."""

    export: ExportObject
    job: JobObject
