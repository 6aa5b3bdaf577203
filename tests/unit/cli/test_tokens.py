"""`datacenter tokens …` on a database of its own."""

from pathlib import Path

import pytest

from datacenter.access.tokens import authenticate
from datacenter.database import Database
from datacenter.errors import Unauthenticated
from datacenter.migrations import migrate
from datacenter.settings import DatabaseSettings


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseSettings:
    """A fresh database that the commands' settings name."""
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/tokens.db")
    migrate(settings)
    monkeypatch.setenv("DATACENTER__DATABASE__URL", settings.url)
    return settings


def test_a_token_that_was_made_is_listed_without_its_secret(run, database) -> None:
    secret = run("tokens", "create", "[bold]first", "--project", "vision").out.strip()
    listed = run("tokens", "list")
    assert "[bold]first" in listed.out
    assert "vision" in listed.out
    assert "VALID" in listed.out
    told = run("tokens", "list", "--json").json()
    assert [(token["name"], token["project"], token["revoked_at"]) for token in told] == [
        ("[bold]first", "vision", None)
    ]
    assert secret not in listed.out + str(told)


def test_a_revoked_token_is_refused_and_listed_as_such(run, database) -> None:
    made = run("tokens", "create", "short", "--json").json()
    for _ in range(2):
        ended = run("tokens", "revoke", made["id"], "--json")
        assert (ended.code, ended.json()["id"]) == (0, made["id"])
    assert "REVOKED" in run("tokens", "list").out
    opened = Database(database)
    with opened.reading() as session, pytest.raises(Unauthenticated):
        authenticate(session, made["token"])
    opened.close()


def test_a_token_that_nobody_made_cannot_be_revoked(run, database) -> None:
    ended = run("tokens", "revoke", "unknown")
    assert ended.code == 2
    assert "there is no token unknown" in ended.err
