"""What a file, variables and flags say together: the stronger wins key by key, and each value knows its place."""

import json
import os
from pathlib import Path

import pytest

from datacenter.errors import SettingsInvalid
from datacenter.settings.loading import check_settings, load_settings, read_layers
from datacenter.settings.sources.layers import SettingSource

FILE, ENVIRONMENT, FLAG = (
    "ledger: {attempts: 1}",
    {"DATACENTER__LEDGER__ATTEMPTS": "2"},
    ["ledger.attempts=3"],
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DATACENTER_")]:
        monkeypatch.delenv(name)


def say(
    monkeypatch: pytest.MonkeyPatch, place: Path, file: str | None, environment: dict[str, str] | None
) -> Path:
    written = place / "settings.yaml"
    if file is not None:
        written.write_text(file)
        monkeypatch.setenv("DATACENTER_CONFIG", str(written))
    for name, value in (environment or {}).items():
        monkeypatch.setenv(name, value)
    return written


@pytest.mark.parametrize(
    ("file", "environment", "flags", "value", "origin", "place_end"),
    [
        (None, None, [], 5, SettingSource.DEFAULT, ""),
        (FILE, None, [], 1, SettingSource.FILE, "settings.yaml, line 1"),
        (None, ENVIRONMENT, [], 2, SettingSource.ENVIRONMENT, "DATACENTER__LEDGER__ATTEMPTS"),
        (FILE, ENVIRONMENT, [], 2, SettingSource.ENVIRONMENT, "DATACENTER__LEDGER__ATTEMPTS"),
        (None, None, FLAG, 3, SettingSource.FLAG, "--set"),
        (FILE, None, FLAG, 3, SettingSource.FLAG, "--set"),
        (None, ENVIRONMENT, FLAG, 3, SettingSource.FLAG, "--set"),
        (FILE, ENVIRONMENT, FLAG, 3, SettingSource.FLAG, "--set"),
        (FILE, ENVIRONMENT, [*FLAG, "ledger.attempts=4"], 4, SettingSource.FLAG, "--set"),
    ],
)
def test_a_flag_is_stronger_than_a_variable_and_a_variable_than_the_file(
    tmp_path, monkeypatch, file, environment, flags, value, origin, place_end
) -> None:
    say(monkeypatch, tmp_path, file, environment)

    layers = read_layers(flags)

    assert check_settings(layers).ledger.attempts == value
    found, place = layers.origin_of(("ledger", "attempts"))
    assert found == origin
    assert place.endswith(place_end)


def test_each_source_changes_what_it_names_and_leaves_the_rest(tmp_path, monkeypatch) -> None:
    say(
        monkeypatch,
        tmp_path,
        "storages:\n  default: {kind: nas, url: /mnt/a, options: {durable: true}}\n",
        {
            "DATACENTER__STORAGES": json.dumps({"inbox": {"kind": "nas", "url": "/mnt/b"}}),
            "DATACENTER__STORAGES__INBOX__ROLE": "source",
        },
    )

    storages = load_settings(["storages.default.url=/mnt/c"]).storages

    assert storages["default"].url == "/mnt/c"
    assert storages["default"].options == {"durable": True}
    assert storages["inbox"].role == "source"


def test_lists_are_json_in_a_variable_and_in_a_flag(monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER__REGISTRATION__ALLOW", '["/mnt/a", "/mnt/b"]')
    monkeypatch.setenv("DATACENTER__REGISTRATION__FILES", '["/etc/a"]')

    registration = load_settings(['registration.files=["/etc/b"]']).registration

    assert registration.allow == ("/mnt/a", "/mnt/b")
    assert registration.files == ("/etc/b",)


def test_a_section_of_which_all_is_commented_out_says_nothing(tmp_path, monkeypatch) -> None:
    say(monkeypatch, tmp_path, "ledger:\n  # attempts: 7\nregistration:\n  allow:\n", None)

    assert load_settings().ledger.attempts == 5


def test_upper_and_lower_case_of_a_variable_are_the_same(monkeypatch) -> None:
    monkeypatch.setenv("datacenter__web__port", "7")

    assert load_settings().web.port == 7


@pytest.mark.parametrize("content", ["k" * 40, "k" * 40 + "\n", "k" * 40 + "\r\n"])
def test_a_secret_is_read_from_the_file_that_a_variable_names_without_the_end_of_its_line(
    tmp_path, monkeypatch, content
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content.encode())
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY__FILE", str(file))

    assert load_settings().web.secret_key.get_secret_value() == "k" * 40


def test_an_option_of_a_storage_that_names_a_file_is_no_secret_in_a_file(monkeypatch) -> None:
    monkeypatch.setenv("DATACENTER__STORAGES__DEFAULT", '{"kind": "ceph", "url": "ceph://bucket"}')
    monkeypatch.setenv("DATACENTER__STORAGES__DEFAULT__OPTIONS__CA_FILE", "/etc/ca.pem")

    assert load_settings().storages["default"].options == {"ca_file": "/etc/ca.pem"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"k" * ((1 << 20) + 1), "is larger than"),
    ],
    ids=["missing", "empty", "only-a-line-end", "no-text", "large"],
)
def test_a_file_that_gives_no_secret_is_refused_by_its_variable(
    tmp_path, monkeypatch, content, words
) -> None:
    file = tmp_path / "canary"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY__FILE", str(file))

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()

    (place_end,) = refused.value.faults
    assert place_end.startswith("web.secret_key: the file named by DATACENTER__WEB__SECRET_KEY__FILE ")
    assert words in place_end
    assert "canary" not in place_end, "an operator who mistook the variable has put the secret itself there"


def test_a_secret_that_is_given_twice_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "key").write_text("k" * 40)
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY", "s" * 40)
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY__FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsInvalid, match="is given twice, by DATACENTER__WEB__SECRET_KEY and"):
        load_settings()
