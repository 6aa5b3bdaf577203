"""`datacenter storages …`: secrets never come as arguments, and a storage that is not ok is an exit code."""

import io
import json
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from datacenter.cli.embedded.home import Home
from datacenter.client import Health
from datacenter.client.storages import Storages
from datacenter.database.engine import Database, now
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings
from datacenter.storages.encryption import SecretCipher
from datacenter.storages.rows import RegisteredStorage

STORAGE = {
    "name": "vault",
    "kind": "cos",
    "role": "source",
    "url": "cos://host/bucket",
    "options": {"region": "x", "secret_key": "***"},
    "state": "REGISTERED",
}
ADD = ("storages", "add", "vault", "--kind", "cos", "--url", "cos://host/bucket", "--role", "source")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The bodies that were sent."""
    from datacenter.client.calls import Calls

    bodies: list[dict] = []
    plain = Calls.call

    def call(self, method, path, **more):
        bodies.append(more.get("body"))
        return plain(self, method, path, **more)

    monkeypatch.setattr(Calls, "call", call)
    return bodies


def test_options_are_arguments_and_secrets_come_from_input_and_environment(run, server, sent, monkeypatch):
    server["POST /storages"] = (201, STORAGE)
    monkeypatch.setattr(sys, "stdin", io.StringIO("canary-1\ncanary-2\n"))
    monkeypatch.setenv("VAULT_TOKEN", "canary-3")
    secrets = (
        "--secret-option",
        "secret_key",
        "--secret-option",
        "password",
        "--secret-option",
        "token=VAULT_TOKEN",
    )

    ended = run(*ADD, "--option", "region=x=y", *secrets)

    assert ended.code == 0, ended.err
    assert "canary" not in ended.out + ended.err
    assert sent[0] == {
        "name": "vault",
        "kind": "cos",
        "url": "cos://host/bucket",
        "role": "source",
        "options": {"region": "x=y", "secret_key": "canary-1", "password": "canary-2", "token": "canary-3"},
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--option", "secret_key=canary"), "--secret-option secret_key"),
        (("--option", "canary"), "NAME=VALUE"),
        (("--secret-option", "secret_key=canary"), "takes the name of a variable"),
        (("--secret-option", "region"), "--option"),
        (("--secret-option", "secret_key"), "one line for each"),
    ],
)
def test_a_secret_that_comes_another_way_is_refused_and_not_quoted(
    run, server, monkeypatch, arguments, words
):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    ended = run(*ADD, *arguments)

    assert ended.code == 2
    assert words in ended.err
    assert "canary" not in ended.err


def test_an_update_changes_what_is_given_and_keeps_the_rest(run, server, sent, monkeypatch):
    stored = {**STORAGE, "options": {"region": "x", "threads": "8", "proxy": "p:1", "secret_key": "***"}}
    server["GET /storages/vault"] = stored
    server["PATCH /storages/vault"] = STORAGE
    monkeypatch.setenv("VAULT_TOKEN", "canary")
    changes = ("--option", "region=y", "--secret-option", "token=VAULT_TOKEN", "--remove-option", "proxy")

    ended = run("storages", "update", "vault", "--role", "both", *changes)

    assert ended.code == 0, ended.err
    assert "canary" not in ended.out + ended.err
    options = {"region": "y", "threads": "8", "secret_key": "***", "token": "canary"}
    assert sent[-1] == {"role": "both", "options": options}


def test_an_update_of_the_role_alone_leaves_the_options_alone(run, server, sent):
    server["PATCH /storages/vault"] = STORAGE

    assert run("storages", "update", "vault", "--role", "source", "--json").json()["name"] == "vault"

    assert sent == [{"role": "source"}]


def test_the_last_option_can_be_removed(run, server, sent):
    server["GET /storages/vault"] = {**STORAGE, "options": {"region": "x"}}
    server["PATCH /storages/vault"] = STORAGE

    assert run("storages", "update", "vault", "--remove-option", "region").code == 0

    assert sent[-1] == {"options": {}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to change"),
        (("--remove-option", "absent"), "has no option absent"),
        (("--option", "secret_key=canary"), "--secret-option secret_key"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused_before_it_is_sent(run, server, arguments, words):
    server["GET /storages/vault"] = STORAGE

    ended = run("storages", "update", "vault", *arguments)

    assert ended.code == 2
    assert words in ended.err
    assert "canary" not in ended.err


def test_storages_are_listed_and_shown(run, server):
    server["GET /storages"] = {"items": [STORAGE], "next": None}
    server["GET /storages/vault"] = STORAGE

    assert "cos://host/bucket" in run("storages", "list").out
    assert run("storages", "list", "--json").json()[0]["name"] == "vault"
    assert "region=x, secret_key=***" in run("storages", "show", "vault").out
    assert run("storages", "show", "vault", "--json").json()["options"]["secret_key"] == "***"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"endpoint": "http://rgw-1:7480", "region": "x"}, "s://b at rgw-1:7480"),
        ({"endpoint": "https://cos.internal/"}, "s://b at cos.internal"),
        ({"region": "ap-guangzhou"}, "s://b at ap-guangzhou"),
        ({"namenodes": "nn1:8020,nn2:8020"}, "s://b at nn1:8020,nn2:8020"),
        ({"threads": 4}, "s://b"),
    ],
)
def test_buckets_of_one_name_are_told_apart_by_where_they_are(run, server, options, shown):
    server["GET /storages"] = {"items": [{**STORAGE, "url": "s://b", "options": options}], "next": None}

    assert run("storages", "list").out.splitlines()[-1].endswith(f"  {shown}")


def test_all_are_checked_and_one_that_is_not_ok_exits_with_1(run, server):
    server["GET /storages"] = {"items": [STORAGE, {**STORAGE, "name": "fine"}], "next": None}
    server["POST /storages/vault/check"] = {"ok": False, "detail": "the key is wrong"}
    server["POST /storages/fine/check"] = {"ok": True, "detail": "it can be listed and read"}

    everything = run("storages", "check")

    assert everything.code == 1
    assert "the key is wrong" in everything.out
    assert run("storages", "check", "fine").code == 0
    checked = run("storages", "check", "fine", "vault", "--json")
    assert (checked.code, [item["ok"] for item in checked.json()]) == (1, [True, False])


def test_a_name_that_is_not_there_does_not_hide_what_the_others_answer(run, server):
    server["POST /storages/fine/check"] = {"ok": True, "detail": "all is well"}
    server["POST /storages/nosuch/check"] = (
        404,
        {"code": "NOT_FOUND", "detail": "there is no storage nosuch"},
    )

    checked = run("storages", "check", "fine", "nosuch", "a/b")

    assert checked.code == 1
    for words in ("all is well", "there is no storage nosuch", "nothing named 'a/b'"):
        assert words in checked.out


def test_storages_are_checked_at_the_same_time(run, server, monkeypatch):
    names = ["one", "two", "three"]
    together = threading.Barrier(len(names), timeout=30)
    monkeypatch.setattr(Storages, "check", lambda *_: Health(ok=together.wait() >= 0, detail="met"))

    assert run("storages", "check", *names).code == 0


def test_a_source_is_browsed(run, server):
    items = [
        {"name": "a", "key": "a/", "kind": "prefix", "size_bytes": None, "modified_at": None},
        {
            "name": "b.zip",
            "key": "b.zip",
            "kind": "object",
            "size_bytes": 5,
            "modified_at": "2026-11-01T10:00:00Z",
        },
    ]
    server["GET /storages/vault/browse"] = {"items": items, "next": None}

    assert "b.zip" in run("storages", "browse", "vault").out
    assert [item["key"] for item in run("storages", "browse", "vault", "--json").json()] == ["a/", "b.zip"]


def test_what_a_source_does_not_hold_is_told_and_how_to_look_into_a_folder(run, server):
    server["GET /storages/vault/browse"] = {"items": [], "next": None}
    assert run("storages", "browse", "vault").out == "the source is empty\n"
    assert run("storages", "browse", "vault", "z").out == "no key begins with this\n"

    folder = {"name": "zoo", "key": "zoo/", "kind": "prefix", "size_bytes": None, "modified_at": None}
    server["GET /storages/vault/browse"] = {"items": [folder], "next": None}
    hint = "to list what is inside: datacenter storages browse vault zoo/"
    assert run("storages", "browse", "vault", "zoo").out.splitlines()[-1] == hint
    assert hint not in run("storages", "browse", "vault", "z").out


def test_a_storage_that_fails_is_told_once_with_the_command_that_says_why(run, server):
    problem = {"code": "STORAGE_DENIED", "detail": "POST /api/v1/storages/vault/check", "storage": "vault"}
    server["GET /storages/vault/browse"] = (502, problem)

    ended = run("storages", "browse", "vault")

    assert ended.code == 1
    assert ended.err.splitlines() == [
        "error: storage vault failed (STORAGE_DENIED)",
        "to see the reason: datacenter storages check vault",
    ]


def test_a_source_that_cannot_be_browsed_is_told_in_the_words_of_its_check(run, server):
    problem = {"code": "STORAGE_UNAVAILABLE", "detail": "no answer within 20 s", "storage": "vault"}
    server["GET /storages/vault/browse"] = (503, problem)
    server["POST /storages/vault/check"] = {"ok": False, "detail": "host:1 refuses connections: is it up?"}
    message = "storage vault: host:1 refuses connections: is it up? (STORAGE_UNAVAILABLE)"

    ended = run("storages", "browse", "vault")
    as_json = run("storages", "browse", "vault", "--json")

    assert (ended.code, ended.err) == (1, f"error: {message}\n")
    error = {"code": "STORAGE_UNAVAILABLE", "message": message.removesuffix(" (STORAGE_UNAVAILABLE)")}
    assert as_json.json() == {"error": error}


def test_a_source_that_is_well_again_when_it_is_checked_is_not_called_broken(run, server):
    server["GET /storages/vault/browse"] = (502, {"code": "STORAGE_DENIED", "storage": "vault"})
    server["POST /storages/vault/check"] = {"ok": True, "detail": "it can be listed"}

    assert "error: storage vault failed (STORAGE_DENIED)" in run("storages", "browse", "vault").err


def test_a_storage_is_removed_and_one_that_is_in_use_is_not(run, server):
    server["DELETE /storages/vault"] = (200, {})
    assert run("storages", "remove", "vault", "--json").json() == {"name": "vault"}
    server["DELETE /storages/vault"] = (409, {"code": "STORAGE_IN_USE", "detail": "it holds datasets"})

    ended = run("storages", "remove", "vault")

    assert ended.code == 2
    assert "it holds datasets" in ended.err


def test_rotation_seals_with_the_first_key_so_that_the_old_one_can_go(run, tmp_path: Path, monkeypatch):
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/keys.db")
    migrate(settings)
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    database = Database(settings)
    with database.transaction() as session:
        sealed = SecretCipher([SecretStr(old)]).encrypt({"secret_key": "canary"})
        common = {
            "kind": "cos",
            "url": "u",
            "role": "source",
            "created_at": now(session),
            "updated_at": now(session),
        }
        session.add(RegisteredStorage(name="vault", options={}, secrets=sealed, **common))
        session.add(RegisteredStorage(name="open", options={}, **common))
    monkeypatch.setenv("DATACENTER__DATABASE__URL", settings.url)
    monkeypatch.setenv("DATACENTER__REGISTRATION__KEYS", json.dumps([new]))
    lost = run("storages", "rotate")
    assert lost.code == 1
    assert "storage vault" in lost.err

    monkeypatch.setenv("DATACENTER__REGISTRATION__KEYS", json.dumps([new, old]))
    for _ in range(2):
        assert run("storages", "rotate", "--json").json() == {"storages": 1}
    with database.reading() as session:
        token = session.get_one(RegisteredStorage, "vault").secrets
    database.close()
    assert SecretCipher([SecretStr(new)]).decrypt(token) == {"secret_key": "canary"}


def test_rotation_takes_the_settings_of_the_home_that_is_named(run, tmp_path: Path, monkeypatch):
    for name in ("DATACENTER_CONFIG", "DATACENTER__DATABASE__URL"):
        monkeypatch.setenv(name, "")  # so that the command's own change is undone too
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    home = Home.at(tmp_path / "home")
    home.prepare()
    migrate(DatabaseSettings(url=f"sqlite:///{home.root}/datacenter.db"))
    monkeypatch.setenv("DATACENTER__REGISTRATION__KEYS", json.dumps([Fernet.generate_key().decode()]))

    assert run("--home", str(home.root), "storages", "rotate", "--json").json() == {"storages": 0}

    nowhere = run("--home", str(tmp_path / "none"), "storages", "rotate")
    assert nowhere.code == 2
    assert "config.yaml" in nowhere.err
