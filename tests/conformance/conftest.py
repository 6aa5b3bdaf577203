"""The adapters that the storage suites run over; a new adapter is one more row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from storage_adapters.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage


@dataclass(frozen=True, kw_only=True)
class Place:
    """One empty storage that any number of instances can be opened on."""

    kind: str
    url: str
    options: Mapping[str, OptionValue]

    def open(self) -> Storage:
        return open_storage(self.kind, self.url, self.options)


PLACES: Mapping[str, Callable[[Path], Place]] = {
    "memory": lambda _folder: Place(kind="memory", url=f"memory://{uuid4()}", options={}),
    "nas": lambda folder: Place(kind="nas", url=f"nas://{folder}/storage", options={}),
}


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.open()
