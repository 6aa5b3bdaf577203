"""A database that cannot serve is a 503 with the sentence, whatever class its driver raises; an internal error is a 500."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.servers.mysql_errors import mysql_error

from datacenter.database.engine import Database
from datacenter.settings.model import DatabaseSettings

SCHEMA = "the database has no tables of this version; run `datacenter migrate`"


def check_unavailable(response: httpx.Response, detail: str) -> None:
    assert response.status_code == 503, response.text
    assert response.json()["code"] == "DATABASE_UNAVAILABLE"
    assert response.json()["detail"] == detail
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE datasets", "ALTER TABLE datasets DROP COLUMN row_count", "DROP TABLE tokens"],
)
def test_a_database_whose_tables_or_columns_are_gone_says_how_to_make_them(
    web, serving_on, tmp_path: Path, change: str
) -> None:
    file = tmp_path / "old.db"
    with sqlite3.connect(web.resources.settings.database.url.removeprefix("sqlite:///")) as source:
        with sqlite3.connect(file) as target:
            source.backup(target)
            target.execute(change)
        target.close()
    source.close()
    database = Database(DatabaseSettings(url=f"sqlite:///{file}"))
    with serving_on(replace(web.resources, database=database)) as url:
        headers = {"Authorization": f"Bearer {web.token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            check_unavailable(client.get("/api/v1/datasets"), SCHEMA)
            check_unavailable(client.post("/api/v1/datasets", json=web.new_dataset("any")), SCHEMA)
    database.close()


@pytest.mark.parametrize(
    ("number", "detail"),
    [
        (1146, SCHEMA),
        (1054, SCHEMA),
        (2006, "the database does not answer; try again"),
        (1205, "the database is busy; try again"),
        (1290, "the database is read-only at the moment; try again later"),
        (1114, "the database has no space left"),
        (1142, "the database refuses this server; the log has the details"),
        (145, "the database is damaged; the log has the details"),
    ],
)
def test_what_a_server_refuses_is_unavailable_in_words_that_tell_nothing_of_it(
    web, monkeypatch, number: int, detail: str
) -> None:
    def fail(*_: object) -> None:
        raise mysql_error(number, "Table 'canary.datasets' of 'user'@'host'")

    monkeypatch.setattr(Database, "reading", fail)

    check_unavailable(web.client.get("/api/v1/datasets"), detail)


@pytest.mark.parametrize("number", [1064, 1062, 1406])
def test_a_statement_of_ours_that_is_wrong_stays_a_mistake_of_ours(web, monkeypatch, number: int) -> None:
    def fail(*_: object) -> None:
        raise mysql_error(number, "canary")

    monkeypatch.setattr(Database, "reading", fail)

    response = web.client.get("/api/v1/datasets")
    assert (response.status_code, response.json()["code"]) == (500, "INTERNAL")
    assert "canary" not in response.text
