"""Storages by request: registered, shown, changed and removed, their secrets never shown."""

import json
import logging
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text
from support.storages.guarded import CANARY, GUARDED, key_of

from datacenter.access.tokens import create_token
from datacenter.database.engine import new_id, now
from datacenter.datasets.models import (
    Archive,
    ArchiveState,
    Dataset,
    DatasetState,
    DeletedDataset,
    Litter,
    Upload,
)
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind, JobState
from datacenter.storages.owners import own_key
from datacenter.storages.rows import RegisteredStorage
from storage_adapters import registry
from storage_adapters.object_storage.contract import NewObject
from storage_adapters.registry import open_storage

STORAGES = "/api/v1/storages"
SECRETS = {"secret_key": CANARY, "region": "x"}


@pytest.fixture(autouse=True)
def _guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "guarded", GUARDED)


def _body(name: str, /, **fields: object) -> dict:
    return {"name": name, "kind": "guarded", "url": f"memory://{name}", "options": SECRETS, **fields}


def _add(web, name: str, /, **fields: object) -> dict:
    response = web.client.post(STORAGES, json=_body(name, **fields))
    assert response.status_code == 201, response.text
    return response.json()


def _refused(response: httpx.Response, status: int, field: str | None = None) -> str:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert CANARY not in response.text
    problem = response.json()
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]
    return problem["detail"]


def test_a_storage_is_registered_shown_listed_changed_and_removed(web) -> None:
    response = web.client.post(STORAGES, json=_body("life", role="source"))
    assert response.status_code == 201
    assert response.headers["Location"] == f"{STORAGES}/life"
    made = response.json()
    assert made == {
        "name": "life",
        "kind": "guarded",
        "role": "source",
        "url": "memory://life",
        "options": {"secret_key": "***", "region": "x"},
        "state": "REGISTERED",
        "shared": False,
        "projects": None,
        "created_by": "test",
    }
    assert web.client.get(f"{STORAGES}/life").json() == made
    names = [item["name"] for item in web.client.get(STORAGES).json()["items"]]
    assert "life" in names
    assert names == sorted(names)

    changed = web.client.patch(
        f"{STORAGES}/life", json={"role": "both", "options": {**SECRETS, "region": "y"}}
    )
    assert (changed.json()["role"], changed.json()["options"]["region"]) == ("both", "y")

    removed = web.client.delete(f"{STORAGES}/life")
    assert (removed.status_code, removed.content) == (204, b"")
    for call in (web.client.get, web.client.delete):
        _refused(call(f"{STORAGES}/life"), 404)


def test_a_list_is_read_in_pages_over_both_kinds(web) -> None:
    for name in ("page-1", "page-2"):
        _add(web, name)
    seen, cursor = [], None
    while True:
        page = web.client.get(
            STORAGES, params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        ).json()
        seen += [item["name"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert {"default", "bucket", "page-1", "page-2"} <= set(seen)
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "new\n"}, "name"),
        ({"kind": "floppy"}, "kind"),
        ({"role": "owner"}, "role"),
        ({"url": ""}, "url"),
        ({"url": "nas:///x\0y"}, "url"),
        ({"url": f"guarded://user:{CANARY}@host/b"}, "url"),
        ({"url": f"guarded://host/b?key={CANARY}"}, "url"),
        ({"kind": "nas", "url": "relative", "options": {}}, "url"),
        ({"kind": "mysql", "url": "mysql://reader@host/nodb", "role": "source", "options": {}}, "url"),
        ({"kind": "hive", "url": "hive://reader@host/nodb", "role": "source", "options": {}}, "url"),
        ({"kind": "nas", "url": "nas:///", "options": {}}, "url"),
        ({"options": {"secret_key": CANARY, "colour": "red"}}, "options"),
        ({"options": {"secret_key": "***"}}, "options.secret_key"),
        ({"options": {"secret_key": [CANARY]}}, "options.secret_key"),
        ({"options": {"secret_key": 0.5}}, "options.secret_key"),
        ({"options": {"endpoint": f"http://u:{CANARY}@h", **SECRETS}}, "options.endpoint"),
        ({"colour": CANARY}, "colour"),
    ],
)
def test_what_cannot_be_registered_names_the_field_and_quotes_no_secret(
    web, fields: dict, field: str
) -> None:
    _refused(web.client.post(STORAGES, json=_body("refused", **fields)), 422, field)
    _refused(web.client.get(f"{STORAGES}/refused"), 404)


def test_a_name_is_taken_once(web) -> None:
    _add(web, "taken")
    _refused(web.client.post(STORAGES, json=_body("taken")), 409)


def test_the_settings_file_is_not_changed_by_requests(web) -> None:
    details = [
        _refused(web.client.post(STORAGES, json=_body("default")), 409),
        _refused(web.client.patch(f"{STORAGES}/default", json={"role": "both"}), 409),
        _refused(web.client.delete(f"{STORAGES}/default"), 409),
    ]
    assert all("settings file" in detail for detail in details)


def test_the_same_request_with_the_same_key_registers_once(web) -> None:
    headers = {"Idempotency-Key": "register-once"}
    first, again = (web.client.post(STORAGES, json=_body("once"), headers=headers) for _ in range(2))
    assert (first.status_code, first.text) == (again.status_code, again.text)
    assert again.status_code == 201
    _refused(web.client.post(STORAGES, json=_body("twice"), headers=headers), 422, "Idempotency-Key")


def _key_of(web, name: str) -> str:
    web.resources.storages.reload()
    return key_of(web.resources.storages, own_key(web.project_id, name))


def test_a_secret_sent_back_as_stars_stays_and_one_that_is_left_out_goes(web) -> None:
    made = _add(web, "stars")
    options = {**made["options"], "region": "z"}
    assert web.client.patch(f"{STORAGES}/stars", json={"options": options}).status_code == 200
    assert _key_of(web, "stars") == CANARY

    web.client.patch(f"{STORAGES}/stars", json={"options": {"secret_key": "canary-new"}})
    assert _key_of(web, "stars") == "canary-new"
    path = f"{STORAGES}/stars"
    _refused(
        web.client.patch(path, json={"options": {"secret_key": "a", "token": "***"}}), 422, "options.token"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"url": "memory://elsewhere"},
        {"options": {"secret_key": "***", "endpoint": "https://evil.example"}},
        {"url": "memory://elsewhere", "options": {"secret_key": "***"}},
    ],
)
def test_a_storage_does_not_take_its_secrets_to_another_place(web, change: dict) -> None:
    name = f"mover-{new_id()}"
    _add(web, name)
    _refused(web.client.patch(f"{STORAGES}/{name}", json=change), 422, "options.secret_key")
    given = {"url": "memory://elsewhere", "options": {"secret_key": "canary-again"}}
    assert web.client.patch(f"{STORAGES}/{name}", json=given).status_code == 200


def test_options_that_leave_an_address_out_are_told_that_they_are_all_options(web) -> None:
    _add(web, "replaced", options={**SECRETS, "endpoint": "https://rgw.example"})

    detail = _refused(
        web.client.patch(f"{STORAGES}/replaced", json={"options": {"secret_key": "***"}}),
        422,
        "options.secret_key",
    )

    assert "replace all existing ones, but options.endpoint is missing" in detail


def test_an_unknown_kind_is_answered_with_the_known_ones(web) -> None:
    detail = _refused(web.client.post(STORAGES, json=_body("tape", kind="tape")), 422, "kind")
    assert detail.endswith("known are: ceph, cos, guarded, hdfs, hive, memory, mysql, nas, webhdfs")


def test_a_source_around_a_platform_and_a_platform_within_a_source_are_refused(web, tmp_path: Path) -> None:
    platform = Path(web.resources.settings.storages["default"].url.removeprefix("nas://"))
    (tmp_path / "link").symlink_to(platform.parent)
    nas = {"kind": "nas", "options": {}, "role": "source"}
    for place in (platform.parent, platform / "datasets", tmp_path / "link"):
        _refused(web.client.post(STORAGES, json=_body("nested", url=str(place), **nas)), 422, "url")

    _add(web, "outer", url=str(tmp_path / "outer"), **nas)
    inner = {**nas, "role": "platform", "url": str(tmp_path / "outer" / "inner")}
    detail = _refused(web.client.post(STORAGES, json=_body("inner", **inner)), 422, "url")
    assert "'outer'" in detail
    _add(web, "inner", **{**inner, "role": "source"})
    _refused(web.client.patch(f"{STORAGES}/inner", json={"role": "platform"}), 422, "url")


def _rows_on(name: str, moment) -> dict[str, object]:
    key = {"id": new_id(), "project_id": "p"}
    shared = {**key, "created_at": moment}
    dataset = {**shared, "name": name, "state": DatasetState.READY, "updated_at": moment}
    deleted = {**key, "job_id": "j", "restore_until": moment, "deleted_at": moment}
    kept = {"kept_table": {"storage": name, "database": "d", "table": "t"}}
    job = {**shared, "kind": JobKind.IMPORT, "queue": "import", "state": JobState.STARTED}
    archive = {
        **shared,
        "fingerprint": "f",
        "storage": name,
        "request": {},
        "filename": "f",
        "media_type": "m",
        "job_id": "j",
        "expires_at": moment,
    }
    return {
        "dataset": Dataset(**dataset, storage=name),
        "kept dataset": Dataset(**dataset, storage="default", table_storage=name),
        "deleted": DeletedDataset(**deleted, record={"storage": name}),
        "deleted kept": DeletedDataset(**deleted, record={"storage": "default", "table_storage": name}),
        "upload": Upload(
            **shared, storage=name, key="k", storage_upload_id="", size_bytes=1, expires_at=moment
        ),
        "archive": Archive(**archive, state=ArchiveState.READY),
        "litter": Litter(storage=name, prefix="x/", due_at=moment),
        "job": Job(**job, payload={"storage": name}),
        "reading job": Job(**job, payload={"storage": "default", "source": {"storage": name, "key": "k"}}),
        "writing job": Job(**job, payload={"storage": "default", **kept}),
        "failed job": Job(**(job | {"state": JobState.FAILURE}), payload=kept, checkpoint=True),
    }


@pytest.mark.parametrize("what", sorted(_rows_on("", None)))
def test_a_storage_in_use_is_neither_removed_nor_moved(web, what: str) -> None:
    name = f"used-{what.replace(' ', '-')}"
    _add(web, name)
    with web.resources.database.transaction() as session:
        row = _rows_on(own_key(web.project_id, name), now(session))[what]
        session.add(row)
    moves = (
        {"url": "memory://moved", "options": SECRETS},
        {"options": {**SECRETS, "endpoint": "https://elsewhere.example"}},
        {"options": {**SECRETS, "region": "elsewhere"}},
    )
    try:
        assert "cannot be removed" in _refused(web.client.delete(f"{STORAGES}/{name}"), 409)
        for moved in moves:
            assert "cannot be moved" in _refused(web.client.patch(f"{STORAGES}/{name}", json=moved), 409)
        assert web.client.patch(f"{STORAGES}/{name}", json={"role": "both"}).status_code == 200
    finally:
        with web.resources.database.transaction() as session:
            session.delete(session.merge(row))
    assert web.client.delete(f"{STORAGES}/{name}").status_code == 204


def test_nothing_is_put_on_a_storage_that_was_removed_meanwhile(web) -> None:
    _add(web, "gone")
    key = own_key(web.project_id, "gone")
    web.resources.storages.describe(key)
    with web.resources.database.transaction() as session:
        session.delete(session.get_one(RegisteredStorage, key))  # by another process: it is still known here
    _refused(
        web.client.post("/api/v1/datasets", json=web.new_dataset("on-gone", storage="gone")), 422, "storage"
    )


def test_a_check_is_an_answer_in_words(web) -> None:
    _add(web, "fine")
    assert web.client.post(f"{STORAGES}/fine/check").json()["ok"] is True
    assert web.client.post(f"{STORAGES}/default/check").json()["ok"] is True
    _add(web, "wrong", options={"secret_key": f"{CANARY}-wrong"})
    checked = web.client.post(f"{STORAGES}/wrong/check")
    assert (checked.status_code, checked.json()["ok"]) == (200, False)
    assert checked.json()["detail"] == "the key *** is not the storage's"
    unknown = web.client.post(f"{STORAGES}/bucket/check").json()
    assert not unknown["ok"]
    assert "access_key" in unknown["detail"]
    _refused(web.client.post(f"{STORAGES}/nowhere/check"), 404)


def _fill(url: str, *keys: str) -> None:
    storage = open_storage("memory", url, {})
    list(storage.put_many(NewObject(key=key, data=b"12345") for key in keys))


def test_a_source_is_browsed_level_by_level(web) -> None:
    _fill(
        "memory://shelf",
        "b.zip",
        "a/1.zip",
        "a/2/x.zip",
        "a.zip",
        "datasets/1/x",
        "uploads/u",
        ".hidden/x",
        "数/据.zip",
    )
    _add(web, "shelf", kind="memory", options={}, role="both")
    top = web.client.get(f"{STORAGES}/shelf/browse").json()
    assert top["next"] is None
    assert [(item["key"], item["kind"]) for item in top["items"]] == [
        ("a.zip", "object"),
        ("a/", "prefix"),
        ("b.zip", "object"),
        ("数/", "prefix"),
    ]
    first, second = top["items"][:2]
    assert (first["name"], first["size_bytes"], first["modified_at"][-1]) == ("a.zip", 5, "Z")
    assert (second["name"], second["size_bytes"], second["modified_at"]) == ("a", None, None)
    below = web.client.get(f"{STORAGES}/shelf/browse", params={"prefix": "a/"}).json()["items"]
    assert [(item["name"], item["key"]) for item in below] == [("1.zip", "a/1.zip"), ("2", "a/2/")]

    seen, cursor = [], ""
    while cursor is not None:
        page = web.client.get(
            f"{STORAGES}/shelf/browse", params={"limit": 1, **({"cursor": cursor} if cursor else {})}
        )
        seen += [item["key"] for item in page.json()["items"]]
        cursor = page.json()["next"]
    assert seen == [item["key"] for item in top["items"]]
    for prefix in ("datasets/", "Uploads/", ".hidden/x", "/a", "a/../b"):
        _refused(web.client.get(f"{STORAGES}/shelf/browse", params={"prefix": prefix}), 422, "prefix")


def test_a_platform_is_not_browsed(web) -> None:
    assert "role" in _refused(web.client.get(f"{STORAGES}/default/browse"), 409)
    _refused(web.client.get(f"{STORAGES}/nowhere/browse"), 404)


def test_a_storage_that_fails_is_named_and_takes_one_line_of_the_log(web, caplog) -> None:
    _add(web, "broken", role="source", options={"secret_key": f"{CANARY}-wrong"})
    caplog.clear()

    problem = web.client.get(f"{STORAGES}/broken/browse").json()

    assert (problem["storage"], problem["code"]) == ("broken", "STORAGE_UNAVAILABLE")
    assert "STORAGE_UNAVAILABLE" not in problem["detail"]
    (line,) = (record.getMessage() for record in caplog.records if record.name == "datacenter.web.problems")
    for seen in ("storage='broken@", "code='STORAGE_UNAVAILABLE'", "the key *** is not the storage's"):
        assert seen in line
    assert "Traceback" not in line


def test_a_secret_is_in_no_answer_no_log_and_no_column(web, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = f"{CANARY}-wrong"
    headers = {"Idempotency-Key": "canary"}
    path = f"{STORAGES}/canary"
    body = _body("canary", role="source", options={"secret_key": secret})
    answers = [
        web.client.post(STORAGES, json=body, headers=headers),
        web.client.post(STORAGES, json=body),
        web.client.get(path),
        web.client.get(STORAGES),
        web.client.patch(path, json={"options": {"secret_key": secret, "colour": secret}}),
        web.client.patch(path, json={"options": {"secret_key": secret}}),
        web.client.post(f"{path}/check"),
        web.client.get(f"{path}/browse"),
        web.client.post(
            "/api/v1/datasets", json={"name": "canary", "source": {"storage": "canary", "key": "a.zip"}}
        ),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 422, 200, 200, 503, 202]
    texts = [answer.text + json.dumps(dict(answer.headers)) for answer in answers]
    with web.resources.database.reading() as session:
        tables = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        texts += [repr(list(session.execute(text(f'SELECT * FROM "{table}"')))) for table in tables]
        assert session.scalars(
            select(RegisteredStorage.secrets).where(
                RegisteredStorage.name == own_key(web.project_id, "canary")
            )
        ).one()
    assert CANARY not in "".join(texts)
    assert CANARY not in caplog.text
    assert _key_of(web, "canary") == secret


def test_only_an_operator_may_name_functions_that_queries_call(web) -> None:
    """They run at the server with the rights of the storage's account."""
    with web.resources.database.transaction() as session:
        _, secret = create_token(session, web.project_id, "operator", operator=True)
    operator = {"Authorization": f"Bearer {secret}"}
    body = {"name": "sales", "kind": "mysql", "url": "mysql://u@db.example:3306", "role": "source"}
    named = {"functions": "score, acme.clean"}

    refusal = _refused(web.client.post(STORAGES, json={**body, "options": named}), 403)
    assert refusal.startswith("options.functions: only an operator")
    made = web.client.post(STORAGES, json={**body, "options": named}, headers=operator)
    assert made.status_code == 201, made.text
    assert made.json()["options"] == named
    path = f"{STORAGES}/sales"
    for options in (named, {"functions": ""}, {"functions": "reflect", "read_only": True}):
        assert "options.functions" in _refused(web.client.patch(path, json={"options": options}), 403)
    assert web.client.patch(path, json={"role": "source"}).json()["options"] == named
    wrong = web.client.patch(path, json={"options": {"functions": "sleep"}}, headers=operator)
    assert "sleep, which only waits" in _refused(wrong, 422, "options")
