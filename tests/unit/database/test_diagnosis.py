"""Diagnosis of a database: each refusal of a server has its cause; a bug of ours has none."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from support.servers.mysql_errors import mysql_error

from datacenter.database.diagnosis import (
    AWAY,
    BUSY,
    DAMAGED,
    FAILED,
    FULL,
    READ_ONLY,
    REFUSED,
    SCHEMA,
    Cause,
    cause_of,
    trouble_of,
)

URL = "mysql+pymysql://u:canary@db.example/d"


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        *((number, AWAY) for number in (1040, 1053, 1203, 1927, 2002, 2003, 2006, 2013)),
        *((number, BUSY) for number in (1205, 1213, 1412, 1969, 3024)),
        *((number, READ_ONLY) for number in (1290, 1836)),
        *((number, FULL) for number in (1021, 1041, 1114)),
        *((number, DAMAGED) for number in (145, 1194)),
        *((number, SCHEMA) for number in (1054, 1146, 1932)),
        *((number, REFUSED) for number in (1044, 1045, 1046, 1049, 1130, 1142, 1143, 1227, 1698)),
        (4711, FAILED),
    ],
)
def test_what_mysql_refuses_has_its_cause(number: int, cause: Cause) -> None:
    error = mysql_error(number)
    found = cause_of(error)

    assert found is not None
    assert found.answer == cause.answer
    trouble = trouble_of(error, URL)
    assert trouble.may_pass == cause.may_pass
    assert (trouble.reason == found.reason) == bool(found.reason)
    assert "canary" not in trouble.reason + found.answer


@pytest.mark.parametrize("number", [1048, 1052, 1055, 1062, 1064, 1305, 1364, 1366, 1406, 1451])
def test_a_statement_or_a_value_that_no_server_would_take_is_a_mistake_of_ours(number: int) -> None:
    assert cause_of(mysql_error(number)) is None


@pytest.mark.parametrize(
    "driver",
    [pymysql.InterfaceError(0, ""), pymysql.InternalError("Packet sequence number wrong - got 3 expected 1")],
)
def test_a_connection_that_broke_in_the_midst_is_a_server_that_is_away(driver: Exception) -> None:
    kind = InterfaceError if isinstance(driver, pymysql.InterfaceError) else InternalError
    assert cause_of(kind("SELECT", {}, driver)) is AWAY


def test_a_pool_without_a_free_connection_is_busy() -> None:
    found = cause_of(PoolTimeout("QueuePool limit of size 5 overflow 10 reached"))

    assert found is not None
    assert (found.answer, found.may_pass) == (BUSY.answer, True)


def test_a_mistake_in_the_use_of_sqlalchemy_is_ours() -> None:
    assert cause_of(SQLAlchemyError("no such table is only a word here")) is None


def raised(path: Path, statement: str, *before: str) -> DBAPIError:
    """What SQLite answers to the statement after some others, on a connection that does not wait."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.01})
    try:
        with engine.connect() as connection:
            for each in before:
                connection.execute(text(each))
            with pytest.raises(DBAPIError) as failed:
                connection.execute(text(statement))
            return failed.value
    finally:
        engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "test.db") as connection:
        connection.execute("CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    connection.close()
    return tmp_path / "test.db"


def locked(file: Path) -> DBAPIError:
    other = sqlite3.connect(file)
    try:
        other.execute("BEGIN EXCLUSIVE")
        return raised(file, "INSERT INTO pets (name) VALUES ('cat')")
    finally:
        other.close()


def no_database(file: Path) -> DBAPIError:
    file.write_bytes(b"no database, but of a file's size" * 100)
    engine = create_engine(f"sqlite:///{file}")
    with pytest.raises(DBAPIError) as failed, engine.connect() as connection:
        connection.execute(text("SELECT * FROM pets"))
    return failed.value


def damaged(file: Path) -> DBAPIError:
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    return raised(file, "SELECT * FROM pets")


LONG = "INSERT INTO pets (name) SELECT hex(zeroblob(1000000))"


@pytest.mark.parametrize(
    ("refuse", "answer"),
    [
        (lambda file: raised(file, "SELECT * FROM dogs"), SCHEMA.answer),
        (lambda file: raised(file, "SELECT age FROM pets"), SCHEMA.answer),
        (lambda file: raised(file, "INSERT INTO pets (age) VALUES (1)"), SCHEMA.answer),
        (lambda file: raised(file, LONG, "PRAGMA query_only=ON"), READ_ONLY.answer),
        (lambda file: raised(file, LONG, "PRAGMA max_page_count=3"), FULL.answer),
        (locked, BUSY.answer),
        (damaged, DAMAGED.answer),
        (no_database, "the database cannot be opened; the log has the details"),
    ],
    ids=["table", "column", "column of an insert", "read-only", "full", "locked", "damaged", "no database"],
)
def test_what_sqlite_refuses_has_its_cause(
    file: Path, refuse: Callable[[Path], DBAPIError], answer: str
) -> None:
    found = cause_of(refuse(file))

    assert found is not None
    assert found.answer == answer


@pytest.mark.parametrize(
    "statement",
    [
        "SELEC 1",
        "SELECT no_function(1)",
        "SELECT id FROM pets, (SELECT 1 AS id) AS more",
        "INSERT INTO pets (name) VALUES (NULL)",
        "INSERT INTO pets (id, name) VALUES (1, 'a'), (1, 'b')",
    ],
)
def test_a_statement_that_sqlite_cannot_take_is_a_mistake_of_ours(file: Path, statement: str) -> None:
    assert cause_of(raised(file, statement)) is None
