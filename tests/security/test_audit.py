"""The audit: one entry for each change, with it or not at all; refused requests too, but no flood of them."""

import json
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import func, select, update

from datacenter.access.audit import purge_audit
from datacenter.access.models import AuditEntry
from datacenter.access.projects import ensure_project
from datacenter.access.roles import Role
from datacenter.access.tokens import create_token
from datacenter.database.engine import now
from datacenter.settings.model import LifetimeSettings

YEAR_SECONDS = LifetimeSettings().audit_seconds


def client_of(web, project: str, role: Role = Role.ADMIN, *, operator: bool = False) -> httpx.Client:
    with web.resources.database.transaction() as session:
        owner = ensure_project(session, project)
        _, secret = create_token(session, owner.id, f"{project} {role}", role=role, operator=operator)
    return httpx.Client(base_url=web.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30)


def entries(client: httpx.Client, **wanted: str) -> list[dict[str, Any]]:
    return client.get("/api/v1/audit", params=wanted).json()["items"]


def test_a_change_is_in_the_audit_with_who_where_what_and_when(web) -> None:
    with client_of(web, "audited") as client:
        headers = {"X-Request-ID": "audit-1"}
        made = client.post("/api/v1/tokens", json={"name": "t", "role": "viewer"}, headers=headers).json()
        client.delete(f"/api/v1/tokens/{made['id']}")
        revoked, created = entries(client)[:2]

    assert created["at"] < revoked["at"]
    assert {name: created[name] for name in created if name not in ("id", "at", "subject")} == {
        "project": "audited",
        "who": "audited admin",
        "address": "127.0.0.1",
        "action": "tokens_create",
        "object_kind": "tokens",
        "object": made["id"],
        "result": "done",
        "request_id": "audit-1",
    }
    assert created["subject"].startswith("token:")
    assert (revoked["action"], revoked["object"]) == ("tokens_revoke", made["id"])


def test_the_object_of_a_new_dataset_is_the_dataset_and_of_an_upload_the_upload(web) -> None:
    created = web.client.post("/api/v1/datasets", json=web.new_dataset("in-the-audit")).json()

    found = {(entry["action"], entry["object"]) for entry in entries(web.client)}
    assert ("datasets_create", created["dataset"]["id"]) in found
    assert any(action == "tus_create" and object_id for action, object_id in found)
    assert created["dataset"]["created_by"] == created["job"]["created_by"] == "test"


def test_what_is_refused_or_repeated_leaves_no_entry_of_a_change(web) -> None:
    with client_of(web, "repeated") as client:
        body, key = {"name": "r", "role": "viewer"}, {"Idempotency-Key": "r"}
        for _ in range(3):
            client.post("/api/v1/tokens", json=body, headers=key)
        client.delete("/api/v1/tokens/unknown")
        client.patch("/api/v1/datasets/unknown", json={"description": "x"})

        assert [entry["action"] for entry in entries(client)] == ["tokens_create"]


def test_a_role_that_is_too_low_is_in_the_audit_once_a_minute(web) -> None:
    with client_of(web, "low", Role.VIEWER) as viewer, client_of(web, "low") as admin:
        for _ in range(5):
            assert viewer.post("/api/v1/tokens", json={"name": "x", "role": "viewer"}).status_code == 403
        assert [(entry["action"], entry["result"]) for entry in entries(admin, who="low viewer")] == [
            ("tokens_create", "FORBIDDEN")
        ]


def test_secrets_that_are_not_valid_are_in_the_audit_but_not_the_secrets_and_not_each(web) -> None:
    for number in range(300):
        httpx.get(f"{web.url}/api/v1/me", headers={"Authorization": f"Bearer dc_canary{number}"})

    with client_of(web, "operations", operator=True) as operator:
        found = [entry for entry in entries(operator) if entry["result"] == "UNAUTHENTICATED"]
    assert len(found) >= 1
    assert "canary" not in json.dumps(found)
    with web.resources.database.reading() as session:
        refused = select(func.count()).where(AuditEntry.result == "UNAUTHENTICATED")
        assert (session.scalar(refused) or 0) <= 100


def test_an_administrator_sees_the_project_an_operator_all_others_nothing(web) -> None:
    with client_of(web, "left") as left, client_of(web, "right") as right:
        left.post("/api/v1/tokens", json={"name": "l", "role": "viewer"})
        right.post("/api/v1/tokens", json={"name": "r", "role": "viewer"})
        assert {entry["project"] for entry in entries(left)} == {"left"}
        assert left.get("/api/v1/audit?project=right").status_code == 403
    with client_of(web, "operations", Role.VIEWER, operator=True) as operator:
        assert {"left", "right"} <= {entry["project"] for entry in entries(operator)}
        assert {entry["project"] for entry in entries(operator, project="right")} == {"right"}
        assert entries(operator, action="tokens_create", who="left admin", project="right") == []
    with client_of(web, "left", Role.EDITOR) as editor:
        assert editor.get("/api/v1/audit").status_code == 403


def test_json_lines_have_every_match(web) -> None:
    with client_of(web, "lines") as client:
        for number in range(5):
            client.post("/api/v1/tokens", json={"name": f"t{number}", "role": "viewer"})
        lines = client.get("/api/v1/audit?format=jsonl").text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == [entry["id"] for entry in entries(client)]
        first = client.get("/api/v1/audit?limit=2").json()
        rest = client.get("/api/v1/audit", params={"limit": 9, "cursor": first["next"]}).json()
        assert len(first["items"] + rest["items"]) == len(lines) == 5


def test_entries_that_are_too_old_are_purged_and_others_stay(web) -> None:
    with client_of(web, "purged") as client:
        for name in ("old", "new"):
            client.post("/api/v1/tokens", json={"name": name, "role": "viewer"})
        new, old = entries(client)
        with web.resources.database.transaction() as session:
            then = now(session) - timedelta(seconds=YEAR_SECONDS + 1)
            session.execute(update(AuditEntry).where(AuditEntry.id == old["id"]).values(at=then))
            purge_audit(session, YEAR_SECONDS)
        assert [entry["id"] for entry in entries(client)] == [new["id"]]
