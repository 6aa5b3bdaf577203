"""Multipart uploads: the request that begins one, its parts and their links."""

from typing import Annotated, Literal

from pydantic import Field

from datacenter.web.schemas.base import Request, ResponseBody, ShortText, Text, Time

MAX_BYTES = (1 << 63) - 1


class NewMultipartRequest(Request):
    """An archive that will be sent in parts directly to a storage."""

    filename: Annotated[Text, Field(max_length=255)] = ""
    size_bytes: int = Field(ge=0, le=MAX_BYTES, description="Size of the archive in bytes.")
    part_bytes: int | None = Field(
        None,
        ge=1,
        le=MAX_BYTES,
        description="Every part but the last has this size: 5 MiB to 5 GiB, and at most 10,000 parts.",
    )
    storage: ShortText | None = Field(
        None,
        description="The storage for the archive until its import. Default: the server's default storage.",
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
    """How to send one part: `method` `url` with exactly `size_bytes` bytes of the archive, from `offset` on."""

    number: int
    offset: int
    size_bytes: int
    method: Literal["PUT"] = "PUT"
    url: str
    expires_at: Time


class SentPartObject(ResponseBody):
    """A part that the storage has; `etag` is that of its response to the PUT."""

    number: int
    size_bytes: int
    etag: str
