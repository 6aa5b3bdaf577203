"""Datasets that are kept as tables, over HTTP: where they may be, how they are shown, and which tables no import reads."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.tables.datasets import ANIMALS
from support.tables.fake_tables import FakeTables, register_fake_tables

from jobs.engine.engine import Engine
from jobs.registry import runners

DATASETS, STORAGES = "/api/v1/datasets", "/api/v1/storages"
OTHERS_TABLE = "datacenter_0198c1d2a3b4c5d6e7f8091a2b3c4d5e_0123456789ab_0"
PLACES = {
    "keeper": ("both", {"database": "keep"}),
    "homeless": ("both", {}),
    "read-only": ("both", {"database": "keep", "read_only": True}),
    "reader": ("source", {"database": "keep"}),
}


@pytest.fixture(scope="module", autouse=True)
def tables(web) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        register_fake_tables(patch)
        for name, (role, options) in PLACES.items():
            body = {"name": name, "kind": "fake", "url": f"fake://{name}", "role": role, "options": options}
            assert web.client.post(STORAGES, json=body).status_code == 201
        FakeTables.contents["fake://keeper"].tables["zoo.animals"] = ANIMALS
        FakeTables.contents["fake://keeper"].tables[f"keep.{OTHERS_TABLE}"] = ANIMALS
        yield


@pytest.fixture(scope="module")
def animals(web, tables) -> dict[str, Any]:
    """A dataset that is kept, once a worker has done it."""
    begun = web.client.post(DATASETS, json=_new("animals", storage="keeper", table="zoo.animals"))
    assert begun.status_code == 202, begun.text
    Engine(web.resources, runners(), "web:1", stopping=lambda: False, must_stop=lambda: False).work("import")
    found: dict[str, Any] = web.client.get(f"{DATASETS}/{begun.json()['dataset']['id']}").json()
    return {**found, "asked": begun.json()["dataset"]}


def _new(name: str, storage: str | None = None, **source: str) -> dict[str, Any]:
    return {"name": name, "storage": storage, "source": {"storage": "keeper", **source}}


def _refused(response: Any, field: str) -> str:
    assert response.status_code == 422, response.text
    detail = str(response.json()["detail"])
    assert detail.startswith(f"{field}: ")
    return detail


def test_a_dataset_shows_the_storage_it_was_put_on_and_its_table(animals: dict[str, Any]) -> None:
    asked = animals["asked"]
    assert (asked["storage"], asked["table"], asked["state"]) == ("keeper", None, "IMPORTING")
    assert (animals["storage"], animals["state"], animals["rows"]) == ("keeper", "READY", 10)
    assert animals["table"].startswith(f"keep.datacenter_{animals['id'].replace('-', '')}_")


def test_a_piece_has_no_bytes_and_the_manifest_has(web, animals: dict[str, Any]) -> None:
    address = f"{DATASETS}/{animals['id']}"
    (item, *_) = web.client.get(f"{address}/files").json()["items"]
    assert (item["path"], item["annotation"]["rows"]) == ("part-000000-000000", 10)

    refused = web.client.get(f"{address}/files/{item['path']}")

    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "export" in refused.json()["detail"]
    assert web.client.get(f"{address}/manifest").content.startswith(b"PAR1")


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("homeless", "the option database"),
        ("read-only", "read_only"),
        ("reader", "only a source"),
        ("nowhere", "there is none"),
    ],
)
def test_a_storage_that_cannot_keep_the_table_is_refused_with_the_cure(web, storage: str, words: str) -> None:
    detail = _refused(web.client.post(DATASETS, json=_new("bad", storage, table="zoo.animals")), "storage")

    assert words in detail


def test_files_are_not_kept_on_a_storage_of_tables(web) -> None:
    body = web.new_dataset("bad", storage="keeper")

    assert "holds tables" in _refused(web.client.post(DATASETS, json=body), "storage")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("table", f"keep.{OTHERS_TABLE}"),
        ("table", f"keep.{OTHERS_TABLE.upper()}"),
        ("table", "keep.datacenter_staging_0123456789abcdef"),
        ("query", f"SELECT * FROM keep.{OTHERS_TABLE}"),
        ("query", f"SELECT a.id FROM zoo.animals a JOIN `keep` . `{OTHERS_TABLE}` b"),
    ],
)
def test_the_table_of_another_dataset_cannot_be_imported(web, field: str, value: str) -> None:
    _refused(web.client.post(DATASETS, json=_new("bad", **{field: value})), f"source.{field}")


def test_the_tables_of_datasets_are_not_shown(web, animals: dict[str, Any]) -> None:
    def shown(prefix: str) -> list[str]:
        page = web.client.get(f"{STORAGES}/keeper/browse", params={"prefix": prefix})
        return [item["key"] for item in page.json()["items"]]

    assert shown("zoo/") == ["zoo/animals"]
    assert shown("keep/") == []


def test_a_storage_that_keeps_a_dataset_is_neither_removed_nor_moved(web, animals: dict[str, Any]) -> None:
    removed = web.client.delete(f"{STORAGES}/keeper")
    moved = web.client.patch(f"{STORAGES}/keeper", json={"url": "fake://elsewhere"})

    assert [answer.json()["code"] for answer in (removed, moved)] == ["STORAGE_IN_USE"] * 2
    assert "it holds datasets" in removed.json()["detail"]


def test_a_platform_of_tables_says_where_they_are_kept(web) -> None:
    body = {"name": "platform", "kind": "mysql", "url": "mysql://writer@localhost", "role": "platform"}
    assert "source" in _refused(web.client.post(STORAGES, json=body), "options.database")
    assert web.client.post(STORAGES, json={**body, "options": {"database": "keep"}}).status_code == 201
    assert web.client.delete(f"{STORAGES}/platform").status_code == 204

    hive = {"name": "platform", "kind": "hive", "url": "hive://reader@localhost", "role": "platform"}
    assert "read-only" in _refused(web.client.post(STORAGES, json=hive), "role")


def test_a_check_tries_whether_tables_can_be_kept(web) -> None:
    assert web.client.post(f"{STORAGES}/reader/check").json() == {"ok": True, "detail": "tables seen: 0"}
    health = web.client.post(f"{STORAGES}/keeper/check").json()
    assert health["ok"]
    assert health["detail"].endswith("; tables can be kept in keep")
    assert FakeTables.contents["fake://keeper"].writes == {}

    refused = web.client.post(f"{STORAGES}/read-only/check").json()
    assert refused == {"ok": False, "detail": "This storage is read-only: its option 'read_only' is set."}
