"""Registered storages, without their secrets."""

from typing import Literal

from datacenter.web.schemas.base import Answer


class StorageObject(Answer):
    """A place where datasets lie or come from; secrets read as `***`."""

    name: str
    kind: str
    role: Literal["platform", "source", "both"]
    url: str
    options: dict[str, str | int | bool]
    state: Literal["REGISTERED"]
