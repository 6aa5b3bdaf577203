"""Fixtures of the tests of imports from a prefix."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs.workbench import Workbench

from datacenter.settings.model import StorageSettings


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A data centre for the tests of one file: a bucket in memory beside its directories, shards of two files."""
    home = tmp_path_factory.mktemp("bench")
    bucket = StorageSettings(kind="memory", url=f"memory://{home}", role="both")
    bench = Workbench(home, storages={"bucket": bucket}, files=2)
    yield bench
    bench.close()


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A prefix that no other test uses."""
    return f"{tmp_path.name}/"
