"""A plugin of pytest that writes down which tests ran, or were collected: `-p services.ran_tests`."""

import os
from collections.abc import Iterable

import pytest

VARIABLE = "DATACENTER_TEST_RAN"
"""Names the file that gets the id of each test, one a line."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Every test that ran to its end, passed or failed; a skipped one did not run."""
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if report.when == "call" and not skipped:
        _write([report.nodeid])


def pytest_collection_finish(session: pytest.Session) -> None:
    """With `--collect-only`: every test that would run."""
    if session.config.option.collectonly:
        _write(item.nodeid for item in session.items)


def _write(tests: Iterable[str]) -> None:
    # Reports of xdist's processes arrive again in the process that started them.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ[VARIABLE], "a") as file:
            file.writelines(f"{test}\n" for test in tests)
