"""One data centre for the tests of a module."""

from collections.abc import Iterator

import pytest
from support.jobs.workbench import Workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    bench = Workbench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()
