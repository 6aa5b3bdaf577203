"""What a finished job's `result` holds, by kind.

These describe what the kinds in `jobs/` write; the response contains it unchanged. Some jobs leave out a field that
has a default here.
"""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from datacenter.datasets.models import Delivery
from datacenter.ledger.states import JobKind


class ImportResult(BaseModel):
    """The first version of a dataset."""

    dataset: str
    version: int
    files: int
    size_bytes: int
    warnings: list[str] = Field([], description="For files: what the import skipped, in sentences.")
    label_file: str | None = Field(None, description="For files: the file with the labels.")
    rows: int = Field(0, description="For a table.")
    label_column: str | None = Field(None, description="For a table: the column whose values label the rows.")


class ExportResult(BaseModel):
    """A finished archive; a download gives the link to it."""

    export: str
    files: int
    size_bytes: int
    filename: str


class DownloadLink(BaseModel):
    """A download with a fresh link; once its archive is gone, only `id` and a `url` that is null."""

    id: str
    url: str | None
    filename: str = ""
    size_bytes: int = 0
    expires_at: str = Field("", json_schema_extra={"format": "date-time"})
    delivery: Delivery = Delivery.ARCHIVE


class DownloadResult(BaseModel):
    """A link to an archive."""

    download: DownloadLink
    files: int
    size_bytes: int
    filename: str


class DeleteResult(BaseModel):
    """What is left of a dataset: nothing, unless the job failed or was cancelled."""

    dataset: str
    leftovers: int
    examples: list[str] = Field([], description="Some of the leftovers.")


RESULTS: Mapping[JobKind, type[BaseModel]] = {
    JobKind.IMPORT: ImportResult,
    JobKind.EXPORT: ExportResult,
    JobKind.DOWNLOAD: DownloadResult,
    JobKind.DELETE: DeleteResult,
}
