"""Which tests ran is written down: those that ended, well or badly, and none that was skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from services import ran_tests
from services.rounds import TESTS

FILE = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

def test_good(): pass
def test_bad(): assert False
@pytest.mark.xfail
def test_expected_to_fail(): assert False
def test_without_its_server(server): pass
def test_that_gives_up(): pytest.skip("not here")
@pytest.mark.skip
def test_skipped(): pass
"""


@pytest.fixture
def written(tmp_path: Path):
    """What is written when pytest runs `FILE` with some arguments."""
    (tmp_path / "test_some.py").write_text(FILE)
    ran = tmp_path / "ran"

    outside_of_xdist = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")
    }

    def run(*arguments: str) -> list[str]:
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "services.ran_tests", *arguments, "test_some.py"],
            cwd=tmp_path,
            env={**outside_of_xdist, "PYTHONPATH": str(TESTS), ran_tests.VARIABLE: str(ran)},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        return [line.removeprefix("test_some.py::") for line in ran.read_text().splitlines()]

    return run


@pytest.mark.parametrize("processes", [(), ("-n", "1")], ids=["alone", "in parallel"])
def test_a_skipped_test_did_not_run_and_one_that_failed_did(written, processes: tuple[str, ...]) -> None:
    assert written(*processes) == ["test_good", "test_bad", "test_expected_to_fail"]


def test_what_is_only_collected_is_written_as_far_as_it_was_chosen(written) -> None:
    assert written("--collect-only", "-k", "skipped or good") == ["test_good", "test_skipped"]
