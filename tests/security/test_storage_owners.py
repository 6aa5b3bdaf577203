"""Owners of storages: a second project, with any role and any storage, gets at nothing of the first, not even names."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from datacenter.access.projects import ensure_project
from datacenter.access.roles import Role
from datacenter.access.tokens import create_token
from datacenter.storages.owners import own_key

STORAGES = "/api/v1/storages"
ZIP = {"name": "x", "source": {"storage": "secret-lake", "key": "a.zip"}}


def client_of(web, project: str, role: Role = Role.ADMIN, *, operator: bool = False) -> httpx.Client:
    with web.resources.database.transaction() as session:
        owner = ensure_project(session, project)
        _, secret = create_token(session, owner.id, f"{project} {role}", role=role, operator=operator)
    return httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)


def registered(client: httpx.Client, name: str, **more: Any) -> httpx.Response:
    body = {
        "name": name,
        "kind": "memory",
        "url": f"memory://{more.pop('place', name)}",
        "role": "both",
        **more,
    }
    return client.post(STORAGES, json=body)


@pytest.fixture(scope="module")
def first(web) -> Iterator[httpx.Client]:
    with client_of(web, "first") as client:
        made = registered(client, "secret-lake")
        assert (made.status_code, made.json()["shared"], made.json()["created_by"]) == (
            201,
            False,
            "first admin",
        )
        yield client


def project_id(web, name: str) -> str:
    with web.resources.database.transaction() as session:
        return ensure_project(session, name).id


@pytest.mark.parametrize("role", Role)
def test_another_project_neither_sees_nor_uses_it_whatever_its_role(web, first, role: Role) -> None:
    key = own_key(project_id(web, "first"), "secret-lake")
    with client_of(web, "second", role) as second:
        assert "secret-lake" not in second.get(STORAGES).text
        for name in ("secret-lake", key):
            answers = [
                second.get(f"{STORAGES}/{name}"),
                second.get(f"{STORAGES}/{name}/browse"),
                second.post(f"{STORAGES}/{name}/check"),
                second.patch(f"{STORAGES}/{name}", json={"role": "platform"}),
                second.delete(f"{STORAGES}/{name}"),
            ]
            unknown = [
                second.get(f"{STORAGES}/no-such"),
                second.get(f"{STORAGES}/no-such/browse"),
                second.post(f"{STORAGES}/no-such/check"),
                second.patch(f"{STORAGES}/no-such", json={"role": "platform"}),
                second.delete(f"{STORAGES}/no-such"),
            ]
            assert [a.status_code for a in answers] == [a.status_code for a in unknown]
            assert [a.text.replace(name, "…") for a in answers] == [
                a.text.replace("no-such", "…") for a in unknown
            ]
            assert {a.status_code for a in answers} <= {403, 404}


def test_no_request_that_names_a_storage_takes_it(web, first) -> None:
    key = own_key(project_id(web, "first"), "secret-lake")
    with client_of(web, "second") as second:
        for name in ("secret-lake", key):
            metadata = base64.b64encode(name.encode()).decode()
            tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": f"storage {metadata}"}
            answers = [
                second.post(
                    "/api/v1/datasets", json={"name": "a", "source": {"storage": name, "key": "a.zip"}}
                ),
                second.post(
                    "/api/v1/datasets", json={"name": "b", "source": {"storage": name, "prefix": "a/"}}
                ),
                second.post(
                    "/api/v1/datasets", json={"name": "c", "source": {"storage": name, "table": "d.t"}}
                ),
                second.post("/api/v1/datasets", json={**web.new_dataset("d"), "storage": name}),
                second.post("/api/v1/datasets/preview", json={"name": "e", "storage": name}),
                second.post(
                    "/api/v1/uploads/multipart", json={"size_bytes": 5, "storage": name, "filename": "a.zip"}
                ),
                second.post("/api/v1/uploads", headers=tus),
            ]
            assert {a.status_code for a in answers} <= {404, 422}, [a.text for a in answers]
            for answer in answers:
                text = json.dumps(answer.json())
                assert (
                    "registered are" not in text or "secret-lake, " not in text.partition("registered are")[2]
                )


def test_a_name_is_free_in_every_project_and_means_its_own_storage(web, first) -> None:
    with client_of(web, "twin") as twin:
        assert registered(twin, "secret-lake", place="twin-lake").status_code == 201
        assert twin.get(f"{STORAGES}/secret-lake").json()["url"] == "memory://twin-lake"
        assert first.get(f"{STORAGES}/secret-lake").json()["url"] == "memory://secret-lake"
        assert registered(twin, "secret-lake").status_code == 409
        assert twin.delete(f"{STORAGES}/secret-lake").status_code == 204
    assert first.get(f"{STORAGES}/secret-lake").status_code == 200


def test_a_dataset_on_a_projects_own_storage_shows_its_name(web, first) -> None:
    body = {"name": "on-own", "source": {"storage": "secret-lake", "key": "a.zip"}, "storage": "secret-lake"}
    made = first.post("/api/v1/datasets", json=body)
    assert made.status_code == 202, made.text
    assert made.json()["dataset"]["storage"] == "secret-lake"
    assert "@" not in first.get(f"/api/v1/datasets/{made.json()['dataset']['id']}").text


def test_an_operator_shares_with_all_or_with_some(web) -> None:
    with client_of(web, "operations", operator=True) as operator, client_of(web, "guest") as guest:
        assert registered(operator, "for-all", shared=True).json()["shared"] is True
        some = registered(operator, "for-some", projects=["guest"]).json()
        assert (some["shared"], some["projects"]) == (True, ["guest"])
        with client_of(web, "stranger") as stranger:
            assert stranger.get(f"{STORAGES}/for-all").json()["projects"] is None
            assert stranger.get(f"{STORAGES}/for-some").status_code == 404
            assert "for-some" not in stranger.get(STORAGES).text
            refused = stranger.patch(f"{STORAGES}/for-all", json={"role": "platform"})
            assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
            assert registered(stranger, "for-all").status_code == 409
            assert registered(stranger, "mine", shared=True).status_code == 403
            assert registered(stranger, "mine", projects=["guest"]).status_code == 403
        assert guest.get(f"{STORAGES}/for-some").status_code == 200
        assert guest.get(f"{STORAGES}/for-some").json()["projects"] is None
        taken = operator.patch(f"{STORAGES}/for-some", json={"projects": []})
        assert taken.json()["projects"] == []
        assert guest.get(f"{STORAGES}/for-some").status_code == 404
        assert operator.patch(f"{STORAGES}/for-some", json={"shared": True}).json()["projects"] is None
        assert guest.get(f"{STORAGES}/for-some").status_code == 200
        assert registered(operator, "unknown", projects=["no such"]).status_code == 422


def test_kept_secrets_are_void_once_their_way_changes(web) -> None:
    options = {"secret_key": "canary-12345", "access_key": "a", "endpoint": "https://rgw.example"}
    with client_of(web, "keepers") as client:
        body = {"name": "kept", "kind": "ceph", "url": "ceph://kept", "role": "source", "options": options}
        assert client.post(STORAGES, json=body).status_code == 201
        stars = {**options, "secret_key": "***"}
        assert client.patch(f"{STORAGES}/kept", json={"options": {**stars, "region": "x"}}).status_code == 200
        for change in ({"endpoint": "https://b.example"}, {"verify": False}, {"ca_file": "/x.pem"}):
            refused = client.patch(f"{STORAGES}/kept", json={"options": {**stars, **change}})
            assert refused.status_code == 422, change
            assert refused.json()["errors"][0]["field"] in (
                "options.secret_key",
                *(f"options.{name}" for name in change),
            )
        moved = client.patch(f"{STORAGES}/kept", json={"url": "ceph://elsewhere"})
        assert moved.status_code == 422
