"""The adapters that the storage suites run over; a new adapter is one more row."""

import os
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
    many: int = 1500
    """The most objects that a test should put here; a slow server is asked for less."""

    def open(self) -> Storage:
        return open_storage(self.kind, self.url, self.options)


HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
"""Holds two URLs: `hdfs://host:port webhdfs://host:port`."""


def hdfs_place(kind: str, options: Mapping[str, OptionValue]) -> Place:
    """A directory of its own in the test server's /tmp, which is open to everybody."""
    servers = dict(url.split("://") for url in os.environ.get(HDFS_VARIABLE, "").split())
    if not servers:
        pytest.skip(f"{HDFS_VARIABLE} names no HDFS")
    return Place(kind=kind, url=f"{kind}://{servers[kind]}/tmp/{uuid4()}", options=options, many=60)


PLACES: Mapping[str, Callable[[Path], Place]] = {
    "hdfs": lambda _folder: hdfs_place("hdfs", {"timeout_seconds": 20}),
    "memory": lambda _folder: Place(kind="memory", url=f"memory://{uuid4()}", options={}),
    "nas": lambda folder: Place(kind="nas", url=f"nas://{folder}/storage", options={}),
    "webhdfs": lambda _folder: hdfs_place("webhdfs", {"timeout_seconds": 20, "user": "tester"}),
}
REAL = {"hdfs", "webhdfs"}
"""The places that need a server."""


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.real] if name in REAL else []) for name in sorted(PLACES)]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.open()


@pytest.fixture
def many(place: Place) -> int:
    return place.many
