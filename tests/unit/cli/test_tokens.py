"""`datacenter tokens …` on its own database."""

from pathlib import Path

import pytest

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import authenticate, create_token
from datacenter.cli.embedded.home import Home
from datacenter.database.engine import Database
from datacenter.errors import Unauthenticated
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings


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
    tokens = run("tokens", "list", "--json").json()
    assert [(token["name"], token["project"], token["revoked_at"]) for token in tokens] == [
        ("[bold]first", "vision", None)
    ]
    assert secret not in listed.out + str(tokens)


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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one token named `at home`, and an environment that names no settings."""
    for name in ("DATACENTER_CONFIG", "DATACENTER__DATABASE__URL", "DATACENTER_HOME"):
        monkeypatch.setenv(name, "")  # so that the command's own change is undone too
        monkeypatch.delenv(name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    home = Home.at(tmp_path / "home")
    home.prepare()
    settings = DatabaseSettings(url=f"sqlite:///{home.root}/datacenter.db")
    migrate(settings)
    opened = Database(settings)
    with opened.transaction() as session:
        create_token(session, ensure_project(session, "default").id, "at home")
    opened.close()
    return home


def test_the_tokens_of_a_home_are_listed(run, home) -> None:
    assert "at home" in run("--home", str(home.root), "tokens", "list").out


def test_the_tokens_of_the_usual_home_are_listed_when_nothing_else_is_named(run, home, monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER_HOME", str(home.root))
    assert "at home" in run("tokens", "list").out


def test_settings_that_the_environment_names_come_before_the_usual_home(run, home, monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER_HOME", str(home.root))
    other = DatabaseSettings(url=f"sqlite:///{home.root}/other.db")
    migrate(other)
    monkeypatch.setenv("DATACENTER__DATABASE__URL", other.url)
    assert run("tokens", "list").out == "no tokens\n"


def test_a_directory_that_is_no_home_is_refused(run, home, tmp_path) -> None:
    ended = run("--home", str(tmp_path / "elsewhere"), "tokens", "list")
    assert ended.code == 2
    assert "config.yaml" in ended.err


@pytest.mark.parametrize("command", [("tokens", "list"), ("serve",)])
def test_a_look_at_a_database_that_is_not_there_makes_none(run, home, monkeypatch, tmp_path, command) -> None:
    monkeypatch.setenv("DATACENTER_HOME", str(tmp_path / "no home"))
    ended = run(*command)
    assert ended.code == 2
    assert (
        f"there is no database at {tmp_path}/elsewhere/datacenter.db; run `datacenter migrate`" in ended.err
    )
    assert not list((tmp_path / "elsewhere").iterdir())
