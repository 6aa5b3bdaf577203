"""Every fault is reported at once: the key, what is expected, where it was set, never the value."""

import os
from pathlib import Path

import pytest

from datacenter.settings.loading import check_settings, read_layers

WRONG = """\
environment: production
web:
  prot: 8080
  port: 70000
public_urls: x
lease_seconds: 30
database:
  pool_size: canary
ledger:
  attempts: 3
  attempts: 4
  backoff_seconds: 0
storages:
  default: {kind: nass, url: nas:///mnt/a, role: canary, options: {durable: [canary]}}
  inbox:
    kind: nas
"""
EXPECTED_MESSAGES = """\
database.pool_size: must be a whole number (FILE, line 8)
environment: must be 'development' or 'production' (DATACENTER__ENVIRONMENT)
lease_seconds: there is no such setting; did you mean ledger.lease_seconds? (FILE, line 6)
ledger.attempts: is given twice, first in line 10; remove one (FILE, line 11)
ledger.backoff_seconds: must be more than 0 (FILE, line 12)
limit: there is no such setting; did you mean limits? (DATACENTER__LIMIT__DEPTH)
lifetimes.link_seconds: must be a number (--set)
public_urls: there is no such setting; did you mean web.public_url? (FILE, line 5)
registration.allow: must be JSON: a list or a mapping (DATACENTER__REGISTRATION__ALLOW)
storages.default.options.durable: must be text; put it in quotes (FILE, line 14)
storages.default.role: must be 'platform', 'source' or 'both' (FILE, line 14)
storages.inbox.url: is missing; give it a value (FILE, line 15)
web.port: must be 65535 or less (FILE, line 4)
web.prot: there is no such setting; did you mean web.port? (FILE, line 3)"""
TOGETHER = """\
environment: production
web: {prot: 8080}
ledger: {attempts: none}
broker: {url: canary}
storages: {a: {kind: nass, url: /mnt/a}}
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DATACENTER_")]:
        monkeypatch.delenv(name)


def faults(monkeypatch: pytest.MonkeyPatch, file: Path, text: str, *flags: str) -> list[str]:
    file.write_text(text)
    monkeypatch.setenv("DATACENTER_CONFIG", str(file))
    found = check_settings(read_layers(flags))
    return sorted(str(fault).replace(str(file), "FILE") for fault in found)


def test_all_faults_of_all_sources_are_told_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER__ENVIRONMENT", "canary")
    monkeypatch.setenv("DATACENTER__LIMIT__DEPTH", "3")
    monkeypatch.setenv("DATACENTER__REGISTRATION__ALLOW", "canary")

    found = faults(monkeypatch, tmp_path / "settings.yaml", WRONG, "lifetimes.link_seconds=canary")

    assert found == sorted(EXPECTED_MESSAGES.splitlines())


def test_what_is_wrong_only_together_is_told_beside_what_is_wrong_by_itself(tmp_path, monkeypatch) -> None:
    found = faults(monkeypatch, tmp_path / "settings.yaml", TOGETHER)

    assert [fault.split(":")[0] for fault in found] == [
        "broker.url",
        "database.url",
        "default_storage",
        "ledger.attempts",
        "storages.a.kind",
        "web.prot",
        "web.public_url",
        "web.secret_key",
    ]
    assert "did you mean nas?" in found[4]
    assert "DATACENTER__WEB__SECRET_KEY__FILE to a file" in found[7]


def test_a_server_that_nobody_named_is_missed_in_production(tmp_path, monkeypatch) -> None:
    text = f"environment: production\nweb: {{secret_key: {'k' * 32}}}\ndatabase: {{pool_size: 3}}\n"

    found = faults(monkeypatch, tmp_path / "settings.yaml", text)

    assert [fault.split(":")[0] for fault in found] == ["broker.url", "database.url", "web.public_url"]
    assert "set DATACENTER__DATABASE__URL, or DATACENTER__DATABASE__URL__FILE to a file" in found[1]


@pytest.mark.parametrize("flag", ["canary", "", "=canary"])
def test_a_flag_that_is_no_assignment_is_refused(tmp_path, monkeypatch, flag) -> None:
    (found,) = faults(monkeypatch, tmp_path / "settings.yaml", "", flag)

    assert "canary" not in found
