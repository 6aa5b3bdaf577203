"""Turns of the scheduler: an unavailable database is one line in the log, a bug is logged with its traceback."""

import pytest
import structlog
from support.jobs.workbench import Workbench
from support.servers.mysql_errors import mysql_error

from jobs.scheduler.turns import _turn


@pytest.mark.parametrize(
    ("number", "event", "words"),
    [
        (1146, "database unavailable", "run `datacenter migrate`"),
        (2006, "database unavailable", "no database answers"),
        (1064, "turn failed", ""),
    ],
)
def test_a_turn_that_the_database_ends_says_why(tmp_path, number: int, event: str, words: str) -> None:
    def work(_: object) -> None:
        raise mysql_error(number)

    bench = Workbench(tmp_path)
    with structlog.testing.capture_logs() as logs:
        assert not _turn("sweep", work, bench.resources)
    bench.close()

    (entry,) = logs
    assert entry["event"] == event
    assert words in entry.get("reason", "")
    assert bool(entry.get("exc_info")) == (event == "turn failed")
