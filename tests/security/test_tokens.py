"""Tokens by request: at most the rights of their maker, a secret that is sent once, and an end."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from datacenter.access.models import Token
from datacenter.access.projects import ensure_project
from datacenter.access.roles import Role
from datacenter.access.tokens import create_token
from datacenter.database.engine import now


def client_of(web, project: str, role: Role = Role.ADMIN, *, operator: bool = False) -> httpx.Client:
    with web.resources.database.transaction() as session:
        owner = ensure_project(session, project)
        _, secret = create_token(session, owner.id, f"a {role}", role=role, operator=operator)
    return with_token(web, secret)


def with_token(web, secret: str) -> httpx.Client:
    return httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)


def test_a_new_token_works_with_its_role_in_the_project_of_its_maker(web) -> None:
    with client_of(web, "makers") as admin:
        made = admin.post("/api/v1/tokens", json={"name": "ci", "role": "viewer"})
        assert made.status_code == 201
        assert (made.json()["created_by"], made.json()["operator"]) == ("a admin", False)
        with with_token(web, made.json()["secret"]) as viewer:
            me = viewer.get("/api/v1/me").json()
            assert (me["who"], me["role"], me["project"]) == ("ci", "viewer", "makers")
            assert viewer.post("/api/v1/tokens", json={"name": "x", "role": "viewer"}).status_code == 403


def test_the_secret_is_in_one_answer_only(web) -> None:
    with client_of(web, "makers") as admin:
        body, key = {"name": "once", "role": "viewer"}, {"Idempotency-Key": "once"}
        first = admin.post("/api/v1/tokens", json=body, headers=key).json()
        again = admin.post("/api/v1/tokens", json=body, headers=key).json()
        listed = admin.get("/api/v1/tokens").text

    assert again == {**first, "secret": "***"}
    assert first["secret"] not in listed
    database = web.resources.settings.database.url.removeprefix("sqlite:///")
    for suffix in ("", "-wal"):
        with open(database + suffix, "rb") as file:
            assert first["secret"].encode() not in file.read()


@pytest.mark.parametrize("given", ["operator", "unknown role"])
def test_no_token_gives_more_than_it_has(web, given: str) -> None:
    body = (
        {"name": "more", "role": "admin", "operator": True}
        if given == "operator"
        else {"name": "m", "role": "root"}
    )
    with client_of(web, "makers") as admin:
        assert admin.post("/api/v1/tokens", json=body).status_code == (403 if given == "operator" else 422)
    with client_of(web, "makers", operator=True) as operator:
        made = operator.post("/api/v1/tokens", json={"name": "ops", "role": "viewer", "operator": True})
        assert made.status_code == 201


def test_a_token_that_has_expired_is_refused_like_an_unknown_one(web) -> None:
    with client_of(web, "makers") as admin:
        late = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        refused = admin.post("/api/v1/tokens", json={"name": "late", "role": "viewer", "expires_at": late})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "expires_at")
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        made = admin.post(
            "/api/v1/tokens", json={"name": "soon", "role": "viewer", "expires_at": soon}
        ).json()
    with with_token(web, made["secret"]) as client:
        assert client.get("/api/v1/me").status_code == 200
        with web.resources.database.transaction() as session:
            session.execute(update(Token).where(Token.id == made["id"]).values(expires_at=now(session)))
        expired, unknown = (
            client.get("/api/v1/me"),
            httpx.get(f"{web.url}/api/v1/me", headers={"Authorization": "Bearer dc_x"}),
        )
        assert expired.status_code == unknown.status_code == 401
        assert expired.json() == unknown.json()


def test_tokens_of_another_project_are_neither_listed_nor_revoked(web) -> None:
    with client_of(web, "makers") as admin, client_of(web, "takers") as other:
        made = admin.post("/api/v1/tokens", json={"name": "ours", "role": "viewer"}).json()
        assert made["id"] not in other.get("/api/v1/tokens").text
        assert other.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
        assert admin.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
        with with_token(web, made["secret"]) as revoked:
            assert revoked.get("/api/v1/me").status_code == 401


def test_the_last_use_is_listed_and_written_once_a_minute(web) -> None:
    with client_of(web, "users", Role.ADMIN) as admin:
        uses = [admin.get("/api/v1/tokens").json()["items"][-1]["last_used_at"] for _ in range(3)]

    assert uses[0] is not None
    assert len(set(uses)) == 1


def test_a_new_project_comes_with_the_token_of_its_administrator(web) -> None:
    with client_of(web, "operations", operator=True) as operator:
        made = operator.post("/api/v1/projects", json={"name": "speech", "weight": 3})
        assert made.status_code == 201
        assert operator.post("/api/v1/projects", json={"name": "speech"}).status_code == 409
        changed = operator.patch("/api/v1/projects/speech", json={"weight": 5, "name": "audio"})
        assert (changed.json()["name"], changed.json()["weight"]) == ("audio", 5)
        assert "audio" in operator.get("/api/v1/projects").text
        assert operator.get(f"/api/v1/projects/{made.json()['id']}").json()["name"] == "audio"
    with with_token(web, made.json()["token"]["secret"]) as admin:
        me = admin.get("/api/v1/me").json()
        assert (me["project"], me["role"], me["operator"]) == ("audio", "admin", False)


def test_a_token_of_a_release_without_roles_is_an_administrator_of_its_project(web) -> None:
    with web.resources.database.transaction() as session:
        project = ensure_project(session, "older")
        token, secret = create_token(session, project.id, "old", role=Role.VIEWER)
        token.role = None
    with with_token(web, secret) as client:
        me = client.get("/api/v1/me").json()
    assert (me["role"], me["operator"]) == ("admin", False)
