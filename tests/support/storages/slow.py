"""A NAS directory that answers as slowly as a remote storage, and not at all while a certain file exists; for workers under test.

`python -m support.storages.slow --queues …` is `datacenter-worker` to which every NAS is one of these.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar

from jobs.worker.__main__ import main
from storage_adapters import registry
from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import (
    Buffer,
    ByteRange,
    DeleteOutcome,
    NewObject,
    Part,
    PutOutcome,
)
from storage_adapters.options import OptionValue
from storage_adapters.places import directory_places
from storage_adapters.registry import AdapterEntry

T = TypeVar("T")
AT_ONCE = 50
SLOW = AdapterEntry(
    target="support.storages.slow:SlowStorage",
    install="part of the tests",
    places=directory_places,
    local=True,
)
POLL_SECONDS = 0.02


class SlowStorage(NasStorage):
    """`milliseconds`: what each object and each 32 KiB of a part take.

    `hold_puts`, `hold_reads`: while this file is there, puts of a dataset's files, or reads of anything, hang.
    """

    seconds = 0.0
    hold_puts: Path | None = None
    hold_reads: Path | None = None

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "SlowStorage":
        ours = ("milliseconds", "hold_puts", "hold_reads")
        nas = NasStorage.from_url(url, {name: value for name, value in options.items() if name not in ours})
        storage = cls(nas._root, nas._options)
        storage.seconds = float(options.get("milliseconds", 0)) / 1000
        storage.hold_puts, storage.hold_reads = (
            Path(str(options[name])) if name in options else None for name in ours[1:]
        )
        return storage

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        _wait_while(self.hold_reads)
        return self._slowly(super().read_ranges(requests))

    def put_many(self, objects: Iterable[NewObject]) -> Iterator[PutOutcome]:
        return self._slowly(super().put_many(self._held(objects)))

    def delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        return self._slowly(super().delete(keys))

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        part = super().upload_part(key, upload_id, number, offset, chunks)
        time.sleep(part.length / (32 << 10) * self.seconds)
        return part

    def _held(self, objects: Iterable[NewObject]) -> Iterator[NewObject]:
        for item in objects:
            if "/objects/" in item.key:
                _wait_while(self.hold_puts)
            yield item

    def _slowly(self, items: Iterator[T]) -> Iterator[T]:
        while some := list(islice(items, AT_ONCE)):
            time.sleep(len(some) * self.seconds)
            yield from some


def _wait_while(hold: Path | None) -> None:
    while hold is not None and hold.exists():
        time.sleep(POLL_SECONDS)


def with_slow_storages(environment: Mapping[str, str], **options: object) -> dict[str, str]:
    """The environment of a worker for which the storage `default`, a plain NAS for all other processes, is a slow one."""
    names = {name: f"DATACENTER__STORAGES__DEFAULT__OPTIONS__{name.upper()}" for name in options}
    chosen = {names[name]: str(value) for name, value in options.items()}
    here = os.pathsep.join([str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")])
    return {**environment, **chosen, "PYTHONPATH": here}


if __name__ == "__main__":
    registry.ADAPTERS["nas"] = SLOW
    main()
