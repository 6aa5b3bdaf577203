"""Roles: the table of role and route, walked over the whole interface with every role and as another project."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from datacenter.access.projects import ensure_project
from datacenter.access.roles import Role
from datacenter.access.tokens import create_token
from datacenter.web.roles import NEEDS

UNKNOWN = "01900000-0000-7000-8000-000000000000"
OPEN = {
    "health_show_alive",
    "health_show_ready",
    "metrics_read",
    "links_fetch",
    "links_look",
    "tus_show_capabilities",
}
"""Operations without a token."""
BODIES: dict[str, dict[str, Any]] = {
    "datasets_change_record": {"description": "mine now"},
    "dataset_labels_change": {"select": {"paths": ["a.png"]}, "add": ["mine"]},
    "downloads_create_for_dataset": {"delivery": "stream"},
    "downloads_create_for_export": {"delivery": "stream"},
}
TUS_HEADERS = {
    "Tus-Resumable": "1.0.0",
    "Upload-Offset": "0",
    "Content-Type": "application/offset+octet-stream",
}


def test_every_operation_that_takes_a_token_has_a_row_and_no_other(web) -> None:
    secured = {name for name, _, _, operation in operations(web) if operation.get("security")}

    assert secured == set(NEEDS)
    assert {name for name, _, _, _ in operations(web)} - secured == OPEN


@pytest.mark.parametrize("operator", [False, True])
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_table_says_and_nothing_else(web, role: Role, operator: bool) -> None:
    with client_of(web, "roles", role, operator=operator) as client:
        for name, method, path, _ in operations(web):
            if name in OPEN:
                continue
            status = request(client, method, path).status_code
            needs = NEEDS[name]
            allowed = role.includes(needs.role) and (operator or not needs.operator)
            allowed = allowed or (needs.or_operator and operator)
            assert (status != 403) == allowed, f"{name} as {role}{' and operator' * operator}: {status}"


def test_without_a_token_and_with_a_wrong_one_nothing_is_answered(web) -> None:
    for headers in ({}, {"Authorization": "Bearer dc_wrong"}, {"Authorization": "Basic eDp5"}):
        with httpx.Client(base_url=web.url, headers=headers) as client:
            for name, method, path, _ in operations(web):
                if name not in OPEN:
                    response = request(client, method, path)
                    assert response.status_code == 401, name
                    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_ids_of_another_project_are_answered_as_ids_that_do_not_exist(web) -> None:
    created = web.client.post("/api/v1/datasets", json=web.new_dataset("of-default")).json()
    upload = web.upload(b"PK")
    made = web.client.post("/api/v1/tokens", json={"name": "mine", "role": "viewer"}).json()
    theirs = {
        "dataset_id": created["dataset"]["id"],
        "job_id": created["job"]["id"],
        "upload_id": upload,
        "token_id": made["id"],
        "path": "a.png",
    }
    with client_of(web, "stranger", Role.ADMIN) as client:
        for name, method, path, _ in operations(web):
            used = re.findall(r"{(\w+)(?::path)?}", path)
            if name in OPEN or not set(used) & theirs.keys() or NEEDS[name].operator:
                continue
            known = request(client, method, path, theirs, name)
            unknown = request(client, method, path, dict.fromkeys(theirs, UNKNOWN), name)
            assert (known.status_code, unknown.status_code) == (404, 404), name
            if method != "HEAD":
                assert without_ids(known, theirs) == without_ids(unknown, theirs), name


def test_an_operator_sees_the_jobs_of_all_projects_but_neither_their_data_nor_their_messages(web) -> None:
    started = web.client.post("/api/v1/datasets", json=web.new_dataset("watched")).json()
    job, dataset = started["job"]["id"], started["dataset"]["id"]

    with client_of(web, "operations", Role.VIEWER, operator=True) as client:
        shown = client.get(f"/api/v1/jobs/{job}").json()
        assert (shown["project"], shown["created_by"], shown["result"]) == ("default", "test", None)
        assert job in {each["id"] for each in client.get("/api/v1/jobs").json()["items"]}
        assert job in {each["id"] for each in client.get("/api/v1/jobs?project=default").json()["items"]}
        assert client.get(f"/api/v1/datasets/{dataset}").status_code == 404
        assert client.get(f"/api/v1/datasets/{dataset}/files").status_code == 404
        assert client.get("/api/v1/datasets").json()["items"] == []
        assert client.post(f"/api/v1/jobs/{job}/cancel").status_code == 202
    with client_of(web, "operations", Role.ADMIN) as client:
        assert client.get(f"/api/v1/jobs/{job}").status_code == 404
        assert client.get("/api/v1/jobs?project=default").status_code == 403


def test_me_says_who_asks_and_what_it_may_do(web) -> None:
    with client_of(web, "vision", Role.EDITOR, operator=True) as client:
        me = client.get("/api/v1/me").json()

    assert (me["who"], me["role"], me["operator"], me["project"]) == ("a editor", "editor", True, "vision")


# Helpers.


def operations(web) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    document = web.client.get("/api/v1/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield operation["operationId"], method.upper(), path, operation


def client_of(web, project: str, role: Role, *, operator: bool = False) -> httpx.Client:
    with web.resources.database.transaction() as session:
        owner = ensure_project(session, project)
        _, secret = create_token(session, owner.id, f"a {role}", role=role, operator=operator)
    return httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)


def request(
    client: httpx.Client, method: str, path: str, ids: dict[str, str] | None = None, name: str = ""
) -> httpx.Response:
    known = {"number": "1", **(ids or {})}
    filled = re.sub(r"{(\w+)(?::path)?}", lambda match: known.get(match[1], UNKNOWN), path)
    headers = TUS_HEADERS if name.startswith("tus_") else {"Tus-Resumable": "1.0.0"}
    with client.stream(method, filled, headers=headers, json=BODIES.get(name)) as response:
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            response.read()
        return response


def without_ids(response: httpx.Response, ids: dict[str, str]) -> str:
    text = response.text
    for each in (*ids.values(), UNKNOWN):
        text = text.replace(each, "…")
    return text
