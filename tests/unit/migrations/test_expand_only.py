"""Every migration only adds, or says in its revision which code it still serves."""

import io
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from datacenter.migrations.compatibility import number_of, since_of

WRITES_DATA = re.compile(r"(UPDATE|INSERT INTO) ")
CREATES = re.compile(r"CREATE TABLE `?(?P<table>\w+)`? ")
ADDS_INDEX = re.compile(r"CREATE (?P<unique>UNIQUE )?INDEX `?\w+`? ON `?(?P<table>\w+)`? ")
ADDS_COLUMN = re.compile(r"ALTER TABLE `?\w+`? ADD COLUMN (?P<column>.*)", re.DOTALL)


def statements(upgrade: Callable[[], None]) -> list[str]:
    """What a migration would say to MySQL."""
    written = io.StringIO()
    options = {"as_sql": True, "output_buffer": written}
    with Operations.context(MigrationContext.configure(dialect_name="mysql", opts=options)):
        upgrade()
    return [statement.strip() for statement in written.getvalue().split(";") if statement.strip()]


def takes_away(upgrade: Callable[[], None]) -> list[str]:
    """The statements that code which knows nothing of them could notice."""
    return list(_noticed(statements(upgrade)))


def _noticed(said: list[str]) -> Iterator[str]:
    new: set[str] = set()
    for statement in said:
        if created := CREATES.match(statement):
            new.add(created["table"])
        elif index := ADDS_INDEX.match(statement):
            # Older code may write rows that a unique index on its table refuses.
            if index["unique"] and index["table"] not in new:
                yield statement
        elif column := ADDS_COLUMN.match(statement):
            if "NOT NULL" in column["column"] and "DEFAULT" not in column["column"]:
                yield statement
        elif not WRITES_DATA.match(statement):
            yield statement


def migrations() -> list[Script]:
    config = Config()
    config.set_main_option("script_location", "datacenter:migrations")
    return list(ScriptDirectory.from_config(config).walk_revisions())[::-1]


@pytest.mark.parametrize("migration", migrations(), ids=lambda script: script.revision)
def test_a_migration_only_adds_or_serves_only_code_since_a_later_revision(migration: Script) -> None:
    before = since_of(str(migration.down_revision)) if migration.down_revision else 0
    taken = takes_away(migration.module.upgrade)
    assert not taken or since_of(migration.revision) > before, (
        "Older code may still need this. Do it one release after the last that does, "
        f"and end the revision in _since_ and the oldest revision whose code goes on: {taken}"
    )


def test_revisions_are_numbered_one_after_the_other_and_none_serves_older_code_than_the_one_before() -> None:
    revisions = [migration.revision for migration in migrations()]
    assert [number_of(revision) for revision in revisions] == list(range(1, len(revisions) + 1))
    for before, after in pairwise(revisions):
        assert since_of(before) <= since_of(after) < number_of(after)


@pytest.mark.parametrize(
    "change",
    [
        lambda: op.drop_table("jobs"),
        lambda: op.drop_column("jobs", "phase"),
        lambda: op.drop_index("jobs_by_state", "jobs"),
        lambda: op.alter_column("jobs", "phase", new_column_name="stage", existing_type=sa.String(32)),
        lambda: op.alter_column("jobs", "result", nullable=False, existing_type=sa.JSON()),
        lambda: op.add_column("jobs", sa.Column("site", sa.String(8), nullable=False)),
        lambda: op.create_index("one_phase", "jobs", ["phase"], unique=True),
        lambda: op.create_foreign_key("of", "jobs", "projects", ["project_id"], ["id"]),
    ],
)
def test_what_older_code_could_notice_is_recognised(change: Callable[[], None]) -> None:
    assert takes_away(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda: op.create_table("sites", sa.Column("name", sa.String(8), primary_key=True)),
        lambda: op.add_column("jobs", sa.Column("site", sa.String(8), nullable=True)),
        lambda: op.add_column("jobs", sa.Column("site", sa.String(8), nullable=False, server_default="")),
        lambda: op.create_index("by_phase", "jobs", ["phase"]),
        lambda: op.execute("UPDATE jobs SET phase = 'waiting' WHERE phase = ''"),
    ],
)
def test_what_older_code_cannot_notice_is_allowed(change: Callable[[], None]) -> None:
    assert takes_away(change) == []
