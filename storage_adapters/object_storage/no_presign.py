"""Linkless storages: what the contract says of links, for a system that honours none."""

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from storage_adapters.errors import NotSupported
from storage_adapters.object_storage.contract import SentPart


class Linkless:
    """The methods that need `presign`; each raises `NotSupported`."""

    no_links: ClassVar[str]
    """Why, as a sentence."""

    def presign(self, key: str, expires_in: timedelta) -> str:
        raise NotSupported(self.no_links, key=key)

    def presign_part(self, key: str, upload_id: str, number: int, length: int, expires_in: timedelta) -> str:
        raise NotSupported(self.no_links, key=key)

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> Iterator[SentPart]:
        raise NotSupported(self.no_links, key=key)
