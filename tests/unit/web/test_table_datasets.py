"""Datasets that are tables, over HTTP: a storage of tables is registered, imported from, and rejected where files belong."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.tables.datasets import ANIMALS
from support.tables.fake_tables import FakeTables, register_fake_tables

DATASETS, STORAGES = "/api/v1/datasets", "/api/v1/storages"


@pytest.fixture(scope="module", autouse=True)
def tables(web) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        register_fake_tables(patch)
        body = {"name": "tables", "kind": "fake", "url": "fake://web", "role": "source"}
        assert web.client.post(STORAGES, json=body).status_code == 201
        FakeTables.contents["fake://web"].tables["zoo.animals"] = ANIMALS
        yield


def _new(name: str, **source: str) -> dict[str, Any]:
    return {"name": name, "source": {"storage": "tables", **source}}


@pytest.mark.parametrize("source", [{"table": "zoo.animals"}, {"query": "SELECT 1"}])
def test_the_import_of_a_table_or_query_is_accepted(web, source: dict[str, str]) -> None:
    response = web.client.post(DATASETS, json={**_new(str(source), **source), "label_column": "label"})

    assert response.status_code == 202, response.text
    dataset = response.json()["dataset"]
    assert (dataset["kind"], dataset["rows"], dataset["label_column"]) == ("table", None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (_new("bad", table="animals"), "source.table"),
        (_new("bad", table="zoo.animals", query="SELECT 1"), "source"),
        (_new("bad", query=" delete from zoo.animals"), "source.query"),
        ({**_new("bad", table="zoo.animals"), "storage": "tables"}, "storage"),
        ({**_new("bad", table="zoo.animals"), "label_format": "csv"}, "label_format"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused_and_names_the_field(
    web, body: dict[str, Any], field: str
) -> None:
    response = web.client.post(DATASETS, json=body)

    assert response.status_code == 422, response.text
    assert field in response.json()["detail"]


def test_a_storage_of_tables_is_checked(web) -> None:
    assert web.client.post(f"{STORAGES}/tables/check").json() == {"ok": True, "detail": "tables seen: 1"}


def test_the_databases_and_tables_of_a_storage_can_be_browsed(web) -> None:
    FakeTables.contents["fake://web"].tables["zoo.plants"] = ANIMALS

    def shown(prefix: str, **params: int) -> list[tuple[str, str, str]]:
        page = web.client.get(f"{STORAGES}/tables/browse", params={"prefix": prefix, **params}).json()
        return [(item["name"], item["key"], item["kind"]) for item in page["items"]]

    assert shown("") == [("zoo", "zoo/", "prefix")]
    assert shown("zoo/") == [("animals", "zoo/animals", "object"), ("plants", "zoo/plants", "object")]
    assert shown("zoo/p") == [("plants", "zoo/plants", "object")]
    assert shown("nowhere/") == []
    assert web.client.get(f"{STORAGES}/tables/browse", params={"prefix": "zoo/", "limit": 1}).json()["next"]
