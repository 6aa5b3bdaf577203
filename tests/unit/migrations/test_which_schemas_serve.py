"""Which schemas a release works with: its own, and newer ones that are compatible with it."""

from importlib.resources import files
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid
from datacenter.migrations import known_revisions, migrate, require_schema, revision_of
from datacenter.migrations.compatibility import number_of, why_not
from datacenter.settings.model import DatabaseSettings

SCRIPTS = ScriptDirectory(str(files("datacenter.migrations")))
KNOWN = ("0001", "0002", "0003_since_0002", "0004_since_0002")


@pytest.mark.parametrize("found", ["0004_since_0002", "0005_since_0002", "0009_since_0004", "0005"])
def test_its_own_schema_and_a_newer_one_that_still_has_what_it_needs_serve(found: str) -> None:
    assert why_not(found, KNOWN) is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "the schema is empty, this release needs 0004_since_0002; run `datacenter migrate`"),
        ("0001", "the schema is 0001, this release needs 0004_since_0002; run `datacenter migrate`"),
        (
            "0006_since_0005",
            "0006_since_0005, which is too new for this release, 0004_since_0002; run a newer",
        ),
        ("0004", "0004, which is too new"),
        ("0003_since_0001", "0003_since_0001, which is too new"),
        ("ae1027a6acf", "ae1027a6acf, which is not the data centre's; use a separate database"),
    ],
)
def test_any_other_schema_is_refused_with_what_to_do(found: str | None, reason: str) -> None:
    assert reason in (why_not(found, KNOWN) or "")


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/schema.db"))
    migrate(DatabaseSettings(url=f"sqlite:///{tmp_path}/schema.db"))
    yield opened
    opened.close()


def pretend(database: Database, revision: str) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_newer_schema_that_serves_is_left_as_it_is_by_the_older_releases_migrate(database) -> None:
    newer = f"{number_of(known_revisions()[-1]) + 1:04}"
    pretend(database, newer)

    require_schema(database)

    assert migrate(DatabaseSettings(url=str(database.engine.url))) == newer
    assert revision_of(database) == newer


def test_a_schema_that_took_away_what_this_release_needs_is_refused_before_anything_starts(database) -> None:
    number = number_of(known_revisions()[-1]) + 1
    pretend(database, f"{number + 1:04}_since_{number:04}")

    for refused in (
        lambda: require_schema(database),
        lambda: migrate(DatabaseSettings(url=str(database.engine.url))),
    ):
        with pytest.raises(SettingsInvalid, match=r"database\.url: .* too new .* run a newer release"):
            refused()


def test_migrations_are_called_after_the_revisions_that_they_make() -> None:
    made = [script.revision for script in SCRIPTS.walk_revisions()]

    assert list(known_revisions()) == made[::-1]
