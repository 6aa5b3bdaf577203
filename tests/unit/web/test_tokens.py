"""Who may call: bearer tokens and projects that do not see each other."""

import httpx
import pytest

from datacenter.access.models import Token
from datacenter.access.tokens import create_token, revoke
from datacenter.web import events


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer dc_wrong", "Basic dXNlcjpwYXNz", "dc_x", "Bearer é"]
)
def test_without_a_valid_token_nothing_is_served(web, header) -> None:
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    response = httpx.get(f"{web.url}/api/v1/datasets", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("body", [b"{", b"{}", b"\xff"])
def test_a_body_is_not_looked_at_without_a_token(web, body: bytes) -> None:
    for path in ("datasets", "exports", "exports/preview", "datasets/1/labels", "datasets/1/downloads"):
        headers = {"Content-Type": "application/json"}
        response = httpx.post(f"{web.url}/api/v1/{path}", content=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_token_is_not_kept_in_the_database(web) -> None:
    with web.resources.database.reading() as session:
        for row in session.query(Token):
            assert web.token not in (row.id, row.name, row.sha256)


def test_a_revoked_token_stops_at_the_next_request(web) -> None:
    with web.resources.database.transaction() as session:
        token, secret = create_token(session, web.project_id, "short")
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{web.url}/api/v1/datasets", headers=headers).status_code == 200
    for _ in range(2):
        with web.resources.database.transaction() as session:
            revoke(session, token.id)
    assert httpx.get(f"{web.url}/api/v1/datasets", headers=headers).status_code == 401


def test_events_end_after_their_token_is_revoked(web, monkeypatch) -> None:
    monkeypatch.setattr(events, "TOKEN_SECONDS", 0.1)
    job_id = web.client.post("/api/v1/datasets", json=web.new_dataset("no-more")).json()["job"]["id"]
    with web.resources.database.transaction() as session:
        token, secret = create_token(session, web.project_id, "watcher")
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.stream(
        "GET", f"{web.url}/api/v1/jobs/{job_id}/events", headers=headers, timeout=5
    ) as response:
        lines = response.iter_lines()
        while not next(lines).startswith("data: "):
            pass
        with web.resources.database.transaction() as session:
            revoke(session, token.id)
        assert not any(line.startswith("data: ") for line in lines)


def test_another_projects_things_look_like_things_that_do_not_exist(web) -> None:
    made = web.client.post("/api/v1/datasets", json=web.new_dataset("private")).json()
    headers = {"Authorization": f"Bearer {web.token_of('others')}"}
    unknown = "019a0000-0000-7000-8000-000000000000"
    for noun, known in (("datasets", made["dataset"]["id"]), ("jobs", made["job"]["id"])):
        theirs = httpx.get(f"{web.url}/api/v1/{noun}/{known}", headers=headers)
        nobodys = httpx.get(f"{web.url}/api/v1/{noun}/{unknown}", headers=headers)
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.replace(known, "") == nobodys.text.replace(unknown, "")
        assert httpx.get(f"{web.url}/api/v1/{noun}", headers=headers).json() == {"items": [], "next": None}
    refused = httpx.post(f"{web.url}/api/v1/jobs/{made['job']['id']}/cancel", headers=headers)
    assert refused.status_code == 404
