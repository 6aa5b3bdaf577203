"""`datacenter migrate`: migrates or checks the schema, and waits for a database that starts at the same time."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from datacenter.cli import serve
from datacenter.cli.main import main
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings


class Clock:
    """Time that passes only during a sleep; a test sets what happens meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the command that waits."""
    clock = Clock()
    monkeypatch.setattr(serve, "time", clock)
    return clock


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseSettings:
    """A database that does not exist yet, named by the environment."""
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/datacenter.db")
    monkeypatch.delenv("DATACENTER_CONFIG", raising=False)
    monkeypatch.setenv("DATACENTER__DATABASE__URL", settings.url)
    return settings


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command; returns its exit code."""

    def _run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["datacenter", "migrate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return _run


@pytest.mark.usefixtures("database")
def test_it_brings_the_schema_and_running_it_again_changes_nothing(run, capsys):
    assert run() == 0
    first = capsys.readouterr().out
    assert run() == 0

    assert capsys.readouterr().out == first
    assert run("--check") == 0


def test_a_check_makes_no_database_and_names_the_cure(database, run, capsys, tmp_path):
    assert run("--check") == 2

    assert "run `datacenter migrate`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_waits_tells_its_reason_once_and_ends_when_somebody_has_migrated(
    database, run, capsys, clock
):
    clock.meanwhile = lambda: clock.now < 9 or migrate(database)

    assert run("--check", "--wait", "60") == 0

    printed = capsys.readouterr()
    assert "fits this release" in printed.out
    assert printed.err.count("waiting: there is no database at") == 1
    assert 9 <= clock.now < 60


@pytest.mark.usefixtures("database")
def test_a_wait_ends_with_the_reason_when_its_time_is_over(run, capsys, clock):
    assert run("--check", "--wait", "61") == 2

    assert clock.now == 61
    assert "error: there is no database at" in capsys.readouterr().err


@pytest.mark.usefixtures("database")
def test_a_migration_waits_for_a_server_that_does_not_answer_yet(run, capsys, monkeypatch, clock):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("DATACENTER__DATABASE__URL", f"mysql+pymysql://u:hidden@127.0.0.1:{port}/d")

    assert run("--wait", "7") == 2

    printed = capsys.readouterr().err
    assert printed.count("waiting: database.url: no database answers at 127.0.0.1:") == 1
    assert "error: database.url: no database answers at 127.0.0.1:" in printed
    assert "hidden" not in printed
    assert clock.now == 7
