"""`datacenter whoami`, `tokens` by a server, `projects` and `audit`, as a person reads them."""

import pytest

TOKEN = {
    "id": "t-1",
    "name": "ci",
    "project": "vision",
    "role": "viewer",
    "operator": False,
    "created_by": "anna",
    "created_at": "2026-12-01T00:00:00.000000Z",
    "expires_at": "2026-12-02T00:00:00.000000Z",
    "last_used_at": None,
    "revoked_at": None,
}
PROJECT = {"id": "p-1", "name": "speech", "weight": 3, "created_at": "2026-12-01T00:00:00.000000Z"}
ENTRY = {
    "id": "a-1",
    "at": "2026-12-01T00:00:00.000000Z",
    "project": "vision",
    "who": "ci",
    "subject": "token:t-1",
    "address": "10.0.0.7",
    "action": "datasets_delete",
    "object_kind": "datasets",
    "object": "d-1",
    "result": "done",
    "request_id": "r-1",
}


def test_whoami_shows_the_project_and_the_rights(run, server) -> None:
    server["GET /me"] = {
        "who": "ci",
        "subject": "token:1",
        "role": "editor",
        "operator": True,
        "project": "vision",
        "expires_at": None,
    }

    lines = run("whoami").out.splitlines()

    assert [line.split(maxsplit=1) for line in lines] == [
        ["Name", "ci"],
        ["Project", "vision"],
        ["Role", "editor, operator"],
    ]
    assert run("whoami", "--json").json()["operator"] is True


def test_a_token_by_a_server_needs_a_role_and_prints_only_the_secret(run, server) -> None:
    server["POST /tokens"] = {**TOKEN, "secret": "dc_new"}

    refused = run("tokens", "create", "ci")
    assert (refused.code, "choose what the token may do" in refused.err) == (2, True)
    assert run("tokens", "create", "ci", "--role", "viewer", "--days", "1").out == "dc_new\n"
    assert run("tokens", "create", "ci", "--role", "viewer", "--json").json()["token"] == "dc_new"
    assert run("tokens", "create", "ci", "--role", "viewer", "--project", "x").code == 2


def test_tokens_of_a_server_are_listed_with_role_state_and_last_use(run, server) -> None:
    server["GET /tokens"] = {
        "items": [TOKEN, {**TOKEN, "id": "t-2", "revoked_at": TOKEN["created_at"]}],
        "next": None,
    }
    server["DELETE /tokens/t-1"] = {}

    listed = run("tokens", "list").out

    assert "viewer" in listed
    assert "REVOKED" in listed
    assert run("tokens", "revoke", "t-1").out == "token t-1 is revoked\n"


def test_projects_are_created_listed_and_given_a_weight(run, server) -> None:
    server["POST /projects"] = {**PROJECT, "token": {**TOKEN, "secret": "dc_first"}}
    server["GET /projects"] = {"items": [PROJECT], "next": None}
    server["PATCH /projects/speech"] = {**PROJECT, "weight": 5}

    created = run("projects", "create", "speech", "--weight", "3")
    assert created.out == "dc_first\n"
    assert "shown only now" in created.err
    assert "speech" in run("projects", "list").out
    assert run("projects", "update", "speech", "--weight", "5").out == "project speech has the weight 5\n"
    assert run("projects", "update", "speech").code == 2


def test_the_audit_shows_who_did_what(run, server) -> None:
    server["GET /audit"] = {"items": [ENTRY], "next": None}

    out = run("audit", "--action", "datasets_delete", "--since", "2026-12-01").out

    for text in ("ci", "datasets_delete", "d-1", "done", "10.0.0.7"):
        assert text in out
    assert run("audit", "--json").json()[0]["subject"] == "token:t-1"


@pytest.mark.parametrize(
    "command", [("tokens", "create", "x", "--role", "root"), ("projects", "create", "x", "--weight", "0")]
)
def test_what_cannot_be_given_is_refused_before_a_request(run, server, command) -> None:
    assert run(*command).code == 2
