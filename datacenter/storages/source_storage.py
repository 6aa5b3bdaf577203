"""Source storages: storages whose files are imported, and which show nothing of what a platform keeps for all projects.

Whatever was registered is not believed: each key and each listing is compared with every place that is or was a
platform, as it is known at that moment.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, NoReturn, cast

from datacenter.observability.metrics import Metrics
from datacenter.storages.observed import ObservedStorage
from storage_adapters.errors import NotSupported, PlaceRefused
from storage_adapters.object_storage.contract import (
    ByteRange,
    Health,
    ObjectInfo,
    Part,
    PendingUpload,
    Storage,
)
from storage_adapters.places import AREAS, LOCAL, CanonicalPlace, OwnAreas
from storage_adapters.registry import LocalStorage

Places = tuple[CanonicalPlace, ...]
LAST = "\U0010ffff"
"""Sorts after every other character."""
COMPARED_SECONDS = 60.0
"""Names of servers are looked up again after this time."""


class SourceGuard:
    """Which keys of a source are refused. Thread-safe."""

    def __init__(self, name: str, places: Places, platforms: Callable[[], Places]) -> None:
        self._name = name
        self._places = places
        self._platforms = platforms
        self._compared: tuple[Places, float, OwnAreas] | None = None

    @property
    def areas(self) -> OwnAreas:
        """The areas of all platforms that are known now."""
        platforms, moment, found = self._platforms(), time.monotonic(), self._compared
        if found is None or found[0] is not platforms or found[1] + COMPARED_SECONDS < moment:
            found = self._compared = (platforms, moment, OwnAreas(self._places, platforms))
        return found[2]

    def directories(self) -> list[str]:
        """The areas on this machine, which are compared by device and inode as well."""
        return [
            f"{platform.path.rstrip('/')}/{area}"
            for platform in self._platforms()
            if platform.system == LOCAL
            for area in AREAS
        ]

    def check(self, key: str) -> None:
        """Raises: PlaceRefused."""
        if self.areas.has(key):
            self.refuse(key)

    def refuse(self, key: str) -> NoReturn:
        """Raises: PlaceRefused."""
        error = PlaceRefused(
            "This place belongs to a platform, which keeps datasets of all projects there: name another key or prefix.",
            key=key,
        )
        error.storage = self._name
        raise error


class SourceStorage(ObservedStorage):
    """An observed storage from which no area of a platform can be listed, read or copied."""

    def __init__(
        self, adapter: Storage, name: str, metrics: Metrics, guard: SourceGuard, *, local: bool
    ) -> None:
        """Of a `local` storage the directories of platforms are not even entered."""
        super().__init__(
            cast(LocalStorage, adapter).avoiding(guard.directories) if local else adapter, name, metrics
        )
        self._guard = guard

    @property
    def fs(self) -> Any:
        """Raises: NotSupported: its reads could not be checked."""
        raise NotSupported("A source has no filesystem: list and read its objects.")

    def check(self, *, writes: bool = True) -> Health:
        self._guard.check("")
        return super().check(writes=writes)

    def stat(self, key: str) -> ObjectInfo:
        self._guard.check(key)
        return super().stat(key)

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        """Areas within the prefix are left out, each as a whole. Raises: PlaceRefused: the prefix lies in one."""
        areas = self._guard.areas
        if areas.has(prefix.rpartition("/")[0]):
            self._guard.refuse(prefix)
        return self._outside(areas, prefix, start_after)

    def _outside(self, areas: OwnAreas, prefix: str, position: str) -> Iterator[ObjectInfo]:
        while True:
            for info in super().list_objects(prefix, start_after=position):
                if not areas.has(info.key):
                    yield info
                    continue
                end = f"{areas.end_of(info.key)}/{LAST}"
                if position < end:
                    position = end
                    break
            else:
                return

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        return super().read_ranges(self._checked(requests))

    def _checked(self, requests: Iterable[ByteRange]) -> Iterator[ByteRange]:
        for wanted in requests:
            self._guard.check(wanted.key)
            yield wanted

    def copy(self, source: str, target: str) -> ObjectInfo:
        self._guard.check(source)
        return super().copy(source, target)

    def copy_part(self, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
        self._guard.check(source.key)
        return super().copy_part(key, upload_id, number, offset, source)

    def presign(self, key: str, expires_in: timedelta) -> str:
        self._guard.check(key)
        return super().presign(key, expires_in)

    def list_uploads(self, prefix: str) -> Iterator[PendingUpload]:
        return (found for found in super().list_uploads(prefix) if not self._guard.areas.has(found.key))
