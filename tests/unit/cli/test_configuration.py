"""`datacenter config …`: everything that is wrong, and where each value comes from, without a secret."""

import os
from pathlib import Path

import pytest

from datacenter.cli.embedded.home import Home
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

CANARY = "canary-77"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DATACENTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATACENTER_CONFIG", "")  # so that what a command sets is undone


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Settings on which everything can work, but no broker is there."""
    (tmp_path / "data").mkdir()
    written = tmp_path / "settings.yaml"
    written.write_text(
        f"database: {{url: 'sqlite:///{tmp_path}/d.db'}}\n"
        f"broker: {{url: 'redis://:{CANARY}@127.0.0.1:1/0'}}\n"
        f"web: {{secret_key: {CANARY * 6}}}\n"
        "storages:\n"
        f"  default: {{kind: nas, url: {tmp_path}/data}}\n"
        f"  lake: {{kind: ceph, url: 'ceph://b', options: {{endpoint: 'http://127.0.0.1:1', access_key: a, secret_key: {CANARY}}}}}\n"
    )
    return written


def test_settings_that_can_work_are_told_to(run, file) -> None:
    ended = run("config", "check", str(file))

    assert (ended.code, ended.out) == (0, f"the settings in {file} are valid\n")


def test_the_settings_of_a_home_are_those_that_its_commands_use(run, tmp_path) -> None:
    home = Home.at(tmp_path / "home")
    home.prepare()

    assert (
        run("--home", str(home.root), "config", "check").out == f"the settings in {home.config} are valid\n"
    )
    shown = run("--home", str(home.root), "config", "show", "--json").json()
    directory = next(setting for setting in shown if setting["key"] == "health.directory")
    assert directory["value"] == str(home.root / "health")
    assert directory["from"].startswith(f"{home.config}, line ")
    assert "schema" in run("--home", str(home.root), "migrate").out
    assert (home.root / "datacenter.db").exists()
    assert "there is no file" in run("--home", str(home.root), "health", "worker").err


def test_a_home_without_settings_is_named(run, tmp_path) -> None:
    for command in (("config", "check"), ("config", "show"), ("migrate",), ("health", "web")):
        ended = run("--home", str(tmp_path / "none"), *command)

        assert (ended.code, "config.yaml does not exist" in ended.err) == (2, True), command


def test_all_that_is_wrong_is_told_a_line_each_and_the_exit_code_is_2(run, file) -> None:
    file.write_text(file.read_text() + f"ledgr: {{}}\nlimits: {{depth: {CANARY}}}\n")

    ended = run("config", "check", str(file), "--set", "web.port=x")

    assert ended.code == 2
    assert ended.out.splitlines() == [
        "web.port: must be a whole number (--set)",
        f"limits.depth: must be a whole number ({file}, line 8)",
        f"ledgr: there is no such setting; did you mean ledger? ({file}, line 7)",
    ]


def test_an_option_that_an_adapter_does_not_know_is_found_without_a_network(run, file) -> None:
    ended = run("config", "check", str(file), "--set", "storages.lake.options.endpont=http://x")

    assert ended.code == 2
    assert ended.out.startswith("storages.lake: ")
    assert "endpont" in ended.out
    assert CANARY not in ended.out


@pytest.mark.real
def test_with_connect_the_database_its_schema_the_broker_and_each_storage_are_tried(
    run, file, tmp_path
) -> None:
    none = run("config", "check", str(file), "--connect")
    migrate(DatabaseSettings(url=f"sqlite:///{tmp_path}/d.db"))
    some = run("config", "check", str(file), "--connect", "--json")

    assert none.code == some.code == 2
    assert "run `datacenter migrate`" in none.out
    faults = [(fault["key"] or fault["detail"].split(":")[0]) for fault in some.json()["faults"]]
    assert faults == ["broker.url", "storages.lake"]
    assert CANARY not in none.out + some.out


def test_each_value_is_shown_with_its_place_and_secrets_are_not(run, file, monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER__LEDGER__ATTEMPTS", "7")

    ended = run("config", "show", str(file), "--set", "web.port=81", "--json")

    shown = {row["key"]: (row["value"], row["from"]) for row in ended.json()}
    assert shown["web.port"] == (81, "--set")
    assert shown["ledger.attempts"] == (7, "DATACENTER__LEDGER__ATTEMPTS")
    assert shown["ledger.lease_seconds"] == (30, "default")
    assert shown["web.secret_key"] == ("***", f"{file}, line 3")
    assert shown["broker.url"][0] == "redis://:***@127.0.0.1:1/0"
    assert shown["storages.lake.options.secret_key"][0] == "***"
    assert CANARY not in ended.out


def test_a_table_of_them_is_for_people(run, file) -> None:
    ended = run("config", "show", str(file))

    assert "ledger.attempts" in ended.out
    assert CANARY not in ended.out
