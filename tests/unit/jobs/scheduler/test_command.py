"""The command `datacenter-scheduler`: what it prints before it works, and while it does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

COMMAND = (sys.executable, "-m", "jobs.scheduler")


def environment(place: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DATACENTER")},
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
        "DATACENTER__DATABASE__URL": f"sqlite:///{place}/scheduler.db",
        "DATACENTER__BROKER__URL": f"redis+socket://{place}/nobody.sock",
    }


@pytest.mark.parametrize(
    ("option", "code", "printed"), [("--help", 0, "Relay missed rings"), ("--nonsense", 2, "No such option")]
)
def test_help_is_shown_and_an_unknown_option_is_refused(tmp_path, option, code, printed):
    ended = subprocess.run(
        [*COMMAND, option], env=environment(tmp_path), capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == code
    assert printed in ended.stdout + ended.stderr


def test_it_says_in_its_first_line_that_it_runs_and_ends_with_0_when_told_to_stop(tmp_path):
    migrate(DatabaseSettings(url=f"sqlite:///{tmp_path}/scheduler.db"))
    running = subprocess.Popen(COMMAND, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)

    first = running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    rest = running.communicate(timeout=60)[1]

    assert "scheduler started" in first, first + rest
    assert running.returncode == 0, rest
