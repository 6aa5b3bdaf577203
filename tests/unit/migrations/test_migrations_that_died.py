"""A migration that died between two of its statements is finished by the next one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text

from datacenter.migrations import known_revisions, migrate
from datacenter.settings.model import DatabaseSettings

CHANGES = ("CREATE", "ALTER")
SERVER_VARIABLE = "DATACENTER_TEST_DATABASE_URL"
EVERY = 7
"""Which of the places to die at are tried; each is two migrations."""


class Died(BaseException):
    """Nothing in the process looks after it."""


@contextmanager
def dying_after(changes: int) -> Iterator[list[str]]:
    """Raise at the change of a schema that comes after so many; those that were made."""
    made: list[str] = []

    def before(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(CHANGES):
            if len(made) == changes:
                raise Died
            made.append(statement)

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield made
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def schema_of(url: str) -> dict[str, tuple[list[str], list[str]]]:
    """The columns and indexes of every table."""
    engine = create_engine(url)
    try:
        looked = inspect(engine)
        return {
            name: (
                sorted(column["name"] for column in looked.get_columns(name)),
                sorted(str(index["name"]) for index in looked.get_indexes(name)),
            )
            for name in looked.get_table_names()
        }
    finally:
        engine.dispose()


@pytest.fixture
def fresh() -> Iterator[Iterator[str]]:
    """URLs of empty databases on a server: SQLite leaves nothing in part."""
    server = os.environ.get(SERVER_VARIABLE)
    if not server:
        pytest.skip(f"{SERVER_VARIABLE} names no server")
    engine = create_engine(make_url(server).set(database=None))
    made: list[str] = []

    def urls() -> Iterator[str]:
        while True:
            made.append(f"datacenter_{uuid4().hex[:12]}")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {made[-1]} CHARACTER SET utf8mb4"))
            yield make_url(server).set(database=made[-1]).render_as_string(hide_password=False)

    yield urls()
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name}"))
    engine.dispose()


@pytest.mark.real
def test_a_migration_that_died_anywhere_is_finished_by_the_next(fresh: Iterator[str]) -> None:
    whole = next(fresh)
    with dying_after(-1) as changes:
        migrate(DatabaseSettings(url=whole))
    wanted = schema_of(whole)

    halves = 0
    for after in range(1, len(changes), EVERY):
        url = next(fresh)
        with dying_after(after), pytest.raises(Died):
            migrate(DatabaseSettings(url=url))
        halves += 0 < len(schema_of(url)) < len(wanted)
        assert migrate(DatabaseSettings(url=url)) == known_revisions()[-1]
        assert schema_of(url) == wanted, f"it died after {after} changes"
    assert halves, "nothing was ever left in part"
