"""Settings that cannot work are refused in words, without a word of what may be a secret."""

import traceback
from pathlib import Path

import pytest

from datacenter.errors import SettingsInvalid
from datacenter.settings.loading import load_settings

CANARY = "canary"


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> SettingsInvalid:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    rejection = "".join(traceback.format_exception(caught.value))
    assert CANARY not in rejection
    return caught.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"environment: production\nweb: [canary\n", "line 3"),
        (b"web:\n\tsecret_key: canary", "line 2"),
        (b"web: *canary", "line 1"),
        (b"web: \xff canary", "UTF-8"),
        ("web: {secret_key: canary}".encode("utf-16"), "UTF-8"),
        (b"web: \0canary", "YAML"),
        (b"web: 2026-99-99", "YAML"),
        (b"[" * 100_000, "YAML"),
        (b"- canary", "name: value"),
        (b"canary", "name: value"),
        (b"3", "name: value"),
        (b"1: canary", "name: value"),
        (b"web: {secret_key: [canary]}", "web.secret_key"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_file_that_cannot_be_read_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)

    assert words in refusal(monkeypatch, DATACENTER_CONFIG=str(file)).detail


def test_a_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path, tmp_path / "none.yaml"):
        assert str(place) in refusal(monkeypatch, DATACENTER_CONFIG=str(place)).detail


def test_an_empty_file_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("# nothing yet\n")
    monkeypatch.setenv("DATACENTER_CONFIG", str(file))

    assert load_settings().web.port == 8080


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://u:canary@h:xx/d",
        "mysql+pymysql://u:canary@h:70000/d",
        "mysql://u:canary@h/d",
        "postgresql://u:canary@h/d",
        "mysql+nothing://u:canary@h/d",
        "canary",
        "",
    ],
)
def test_a_database_url_that_cannot_be_opened_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert refusal(monkeypatch, DATACENTER__DATABASE__URL=url).detail.startswith("database.url: use sqlite")


def test_a_variable_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "storages" in refusal(monkeypatch, DATACENTER__STORAGES="{canary").detail


def test_metrics_of_the_web_layer_have_a_port_of_their_own_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACENTER__WEB__PORT", "9100")

    rejection = refusal(monkeypatch, DATACENTER__WEB__METRICS_PORT="9100")

    assert rejection.detail.startswith("web.metrics_port: is the same as web.port; choose another port")
    assert (
        "web.metrics_port: must be 1 or more"
        in refusal(monkeypatch, DATACENTER__WEB__METRICS_PORT="0").detail
    )


def test_the_default_storage_has_to_keep_what_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    storages = '{"default": {"kind": "nas", "url": "nas:///mnt/in", "role": "source"}}'

    assert "default_storage" in refusal(monkeypatch, DATACENTER__STORAGES=storages).detail


@pytest.mark.parametrize("source", ["nas:///mnt", "/mnt/data/inbox/", "nas:///mnt/other/../data/datasets"])
@pytest.mark.parametrize("role", ["source", "both"])
def test_a_source_and_a_platform_do_not_lie_within_one_another(
    monkeypatch: pytest.MonkeyPatch, source: str, role: str
) -> None:
    monkeypatch.setenv("DATACENTER__STORAGES__DEFAULT", '{"kind": "nas", "url": "nas:///mnt/data"}')

    rejection = refusal(
        monkeypatch,
        DATACENTER__STORAGES__INBOX=f'{{"kind": "nas", "url": "{source}", "role": "{role}"}}',
    )

    assert rejection.detail.startswith("storages.inbox: ")


def test_a_source_beside_a_platform_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACENTER__STORAGES__DEFAULT", '{"kind": "nas", "url": "nas:///mnt/data"}')
    monkeypatch.setenv(
        "DATACENTER__STORAGES__INBOX", '{"kind": "nas", "url": "nas:///mnt/data-in", "role": "source"}'
    )

    assert set(load_settings().storages) == {"default", "inbox"}


@pytest.mark.parametrize("key", ["canary", "Y2FuYXJ5", "canary" * 10, "ключ"])
def test_a_registration_key_that_is_none_is_refused_with_the_way_to_make_one(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    rejection = refusal(monkeypatch, DATACENTER__REGISTRATION__KEYS=f'["{key}"]')

    assert rejection.detail.startswith("registration.keys: each must be a Fernet key; make one with: python")


@pytest.mark.parametrize("place", ["mnt/inbox", "rgw.example.com", "https://user@host", "https://", "*"])
def test_a_place_that_is_none_cannot_be_allowed(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    rejection = refusal(monkeypatch, DATACENTER__REGISTRATION__ALLOW=f'["{place}"]')

    assert rejection.detail.startswith("registration.allow: each must be a place")


@pytest.mark.parametrize("heartbeat_seconds", ["30", "100"])
def test_a_lease_lasts_longer_than_the_time_between_heartbeats(
    monkeypatch: pytest.MonkeyPatch, heartbeat_seconds: str
) -> None:
    rejection = refusal(
        monkeypatch,
        DATACENTER__LEDGER__LEASE_SECONDS="30",
        DATACENTER__LEDGER__HEARTBEAT_SECONDS=heartbeat_seconds,
    )

    assert rejection.detail.startswith("ledger: heartbeat_seconds must be less than lease_seconds")


def test_one_look_tells_what_is_wrong_with_one_storage_and_with_all_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(
        "default_storage: sharde\n"
        "storages:\n"
        "  shared: {kind: nas, url: 'nas:///mnt', owner: me, options: {secret_key: canary}}\n"
        "  lake:\n"
        "    kind: hdsf\n"
        "    url: hdfs://namenode\n"
    )

    refused = refusal(monkeypatch, DATACENTER_CONFIG=str(file)).faults

    assert [fault.split(": ", 1)[0] for fault in refused] == [
        "storages.shared.owner",
        "storages.lake.kind",
        "default_storage",
    ]
    assert "did you mean hdfs" in refused[1]
    assert refused[1].endswith("line 5)")
    assert "did you mean shared" in refused[2]
    assert refused[2].endswith("line 1)")


@pytest.mark.parametrize(
    ("content", "rejection"),
    [
        ("storages: {default: nas, lake: {kind: nas, url: 'nas:///mnt'}}\n", {"storages.default"}),
        (
            "environment: production\nweb: {port: x, secret_key: "
            + "canary" * 6
            + "}\ndatabase: {url: 'sqlite:///x'}\nbroker: {url: 'redis://h'}\nstorages: {lake: {kind: nas}}\n",
            {"web.port", "storages.lake.url"},
        ),
    ],
    ids=["a storage", "a section"],
)
def test_what_was_left_aside_because_of_another_fault_is_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, rejection: set[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content)

    refused = refusal(monkeypatch, DATACENTER_CONFIG=str(file)).faults

    assert {fault.split(": ", 1)[0] for fault in refused} == rejection
