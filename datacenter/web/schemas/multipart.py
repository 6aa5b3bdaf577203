"""Multipart uploads: what begins one, its parts and the links for them."""

from typing import Annotated, Literal

from pydantic import Field

from datacenter.web.schemas.base import Request, ResponseBody, ShortText, Text, Time

MAX_BYTES = (1 << 63) - 1


class NewMultipartRequest(Request):
    """An archive that will be sent in parts straight to a storage."""

    filename: Annotated[Text, Field(max_length=255)] = ""
    size_bytes: int = Field(ge=0, le=MAX_BYTES, description="All bytes of the archive.")
    part_bytes: int | None = Field(
        None,
        ge=1,
        le=MAX_BYTES,
        description="Every part but the last has this size: 5 MiB to 5 GiB, and at most 10,000 parts.",
    )
    storage: ShortText | None = Field(
        None, description="Where the archive is kept until it is imported; default: the server's storage."
    )


class MultipartObject(ResponseBody):
    """A multipart upload: part n holds the `part_bytes` bytes that follow the n - 1 parts before it; the last one the rest."""

    id: str
    filename: str
    storage: str
    size_bytes: int
    part_bytes: int
    parts: int
    completed: bool
    created_at: Time
    expires_at: Time


class PartLinkObject(ResponseBody):
    """Where to send one part: `method` to `url` exactly `size_bytes` bytes of the archive, those from `offset`."""

    number: int
    offset: int
    size_bytes: int
    method: Literal["PUT"] = "PUT"
    url: str
    expires_at: Time


class SentPartObject(ResponseBody):
    """A part that the storage has; `etag` is what it answered to the PUT."""

    number: int
    size_bytes: int
    etag: str
