"""The files of a dataset."""

from typing import Any

from datacenter.web.schemas.base import Answer


class FileObject(Answer):
    """A row of a manifest."""

    path: str
    size_bytes: int
    crc32: int
    media_type: str
    labels: list[str]
    annotation: Any | None
