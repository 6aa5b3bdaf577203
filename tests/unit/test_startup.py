"""A program that starts waits for its database as long as waiting may help, and no longer."""

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from datacenter import startup
from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid
from datacenter.settings.model import DatabaseSettings

URL = "mysql+pymysql://u:canary@db.example/d"
AWAY = (2003, "Can't connect to MySQL server on 'db.example' ([Errno 111] Connection refused)")


class Answers:
    """Fails with each of the errors in turn, then answers."""

    def __init__(self, *errors: tuple[int, str]) -> None:
        self.left = list(errors)
        self.looks = 0

    def __call__(self, _: Database) -> None:
        self.looks += 1
        if self.left:
            raise OperationalError("SELECT 1", {}, Exception(*self.left.pop(0)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "POLL_SECONDS", 0.001)


def test_a_database_that_comes_up_late_is_waited_for_with_the_reason_in_the_log() -> None:
    answers = Answers(AWAY, (2013, "Lost connection to MySQL server during query"))

    with structlog.testing.capture_logs() as logs:
        startup.wait_for_database(DatabaseSettings(url=URL), check=answers)

    assert answers.looks == 3
    assert [entry["event"] for entry in logs] == ["waiting for the database"] * 2
    assert "no database answers at db.example:3306" in logs[0]["reason"]
    assert "canary" not in str(logs)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1044, "this user may not use the database"),
        (1045, "refuses the user or the password"),
        (1049, "no database of this name; create it"),
        (4711, "cannot be used: the driver's words"),
    ],
)
def test_what_waiting_does_not_cure_is_told_at_once(number, words) -> None:
    answers = Answers((number, "the driver's words"))

    with pytest.raises(SettingsInvalid, match=words) as refused:
        startup.wait_for_database(DatabaseSettings(url=URL), check=answers)

    assert answers.looks == 1
    assert refused.value.detail.startswith("database.url: ")


def test_patience_has_an_end() -> None:
    answers = Answers(*[AWAY] * 10_000)

    with pytest.raises(SettingsInvalid, match="no database answers at"):
        startup.wait_for_database(DatabaseSettings(url=URL, patience_seconds=0.02), check=answers)

    assert answers.looks > 1
