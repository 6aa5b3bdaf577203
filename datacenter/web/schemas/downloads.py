"""Downloads: links to one archive, until it expires."""

from pydantic import Field

from datacenter.datasets.models import Delivery
from datacenter.web.schemas.base import ResponseBody, Time
from datacenter.web.schemas.exports import ArchiveFormat, LabelFilterRequest
from datacenter.web.schemas.jobs import JobStartingRequest

MAX_LINK_SECONDS = 100 * 365 * 24 * 3600
"""The limit of the calendar; the settings set the actual limit of a link."""


class NewDownloadRequest(JobStartingRequest):
    """A link to make. `archive` builds the archive first; `stream` builds it while the client reads."""

    delivery: Delivery = Delivery.ARCHIVE
    labels: LabelFilterRequest = LabelFilterRequest()
    archive: ArchiveFormat = "zip"
    expires_in: int | None = Field(
        None, ge=1, le=MAX_LINK_SECONDS, description="For how many seconds the link is valid."
    )


class DownloadObject(ResponseBody):
    """A link; `url` is null when its archive is gone."""

    id: str
    url: str | None
    filename: str
    size_bytes: int
    expires_at: Time
    delivery: Delivery
