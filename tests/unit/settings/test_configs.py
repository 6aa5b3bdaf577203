"""The configurations that the project ships can be read, open their storages, and take every secret from a file."""

import os
from pathlib import Path

import pytest
import yaml

from datacenter.cli.connecting import openings
from datacenter.settings.loading import check_settings, load_settings, read_layers
from datacenter.settings.model import Settings

FOLDER = Path(__file__).parents[3] / "configs"
SECRETS = {
    "DATABASE__URL": "mysql+pymysql://datacenter:password@db.example/datacenter?charset=utf8mb4\n",
    "BROKER__URL": "amqp://datacenter:password@mq.example:5672//\n",
    "WEB__SECRET_KEY": "k" * 32 + "\n",
    "REGISTRATION__KEYS": '["Zm9ydHktdHdvIGJ5dGVzIG9mIGEga2V5IG9mIG1pbmU="]\n',
    "STORAGES__DEFAULT__OPTIONS__ACCESS_KEY": "access\n",
    "STORAGES__DEFAULT__OPTIONS__SECRET_KEY": "secret\n",
}
"""Those that configs/production.yaml says come from files."""
CONFIGS: dict[str, list[str]] = {
    "embedded.yaml": [],
    "one-machine.yaml": ["DATABASE__URL", "WEB__SECRET_KEY"],
    "production.yaml": list(SECRETS),
}
EXAMPLES = {"lake", "hadoop", "inbox", "kind", "url", "role", "options", "endpoint", "ca_file"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DATACENTER_")]:
        monkeypatch.delenv(name)


def mount(monkeypatch: pytest.MonkeyPatch, place: Path, *names: str) -> None:
    for name in names:
        file = place / name.lower()
        file.write_text(SECRETS[name])
        monkeypatch.setenv(f"DATACENTER__{name}__FILE", str(file))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_configuration_works_once_its_secrets_are_mounted(tmp_path, monkeypatch, name) -> None:
    monkeypatch.setenv("DATACENTER_CONFIG", str(FOLDER / name))
    mount(monkeypatch, tmp_path, *CONFIGS[name])

    settings = check_settings(read_layers())

    assert isinstance(settings, Settings), settings
    assert list(openings(settings)) == []
    assert settings.default_storage in settings.storages
    assert settings.environment == ("development" if name == "embedded.yaml" else "production")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (name, secret)
        for name, secrets in CONFIGS.items()
        for secret in secrets
        if secret in ("DATABASE__URL", "BROKER__URL", "WEB__SECRET_KEY")
    ],
)
def test_a_secret_that_is_not_mounted_is_missed_by_its_key(tmp_path, monkeypatch, name, missing) -> None:
    monkeypatch.setenv("DATACENTER_CONFIG", str(FOLDER / name))
    mount(monkeypatch, tmp_path, *(secret for secret in CONFIGS[name] if secret != missing))

    (fault,) = check_settings(read_layers())

    assert fault.key == missing.lower().replace("__", ".")
    assert f"DATACENTER__{missing}__FILE to a file" in fault.detail


def test_each_shipped_configuration_has_its_row_above() -> None:
    assert {config.name for config in FOLDER.glob("*.yaml")} == CONFIGS.keys()


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_shipped_configuration_comments_out_would_be_taken_too(name, tmp_path, monkeypatch) -> None:
    """A line `# key: value` or `#   key: value` of an example is YAML that the settings know."""
    shown = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and is_example(line) else line
        for line in (FOLDER / name).read_text().splitlines()
    ]
    written = tmp_path / name
    written.write_text("\n".join(shown))
    monkeypatch.setenv("DATACENTER_CONFIG", str(written))
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY", "k" * 32)
    monkeypatch.setenv("DATACENTER__DATABASE__URL", "sqlite://")
    monkeypatch.setenv("DATACENTER__BROKER__URL", "memory://")

    faults = check_settings(read_layers())

    assert isinstance(faults, Settings), [str(fault) for fault in faults]


def is_example(line: str) -> bool:
    """Whether what is commented out is a line of YAML and no sentence: a name of ours and a colon."""
    text = line.lstrip().removeprefix("# ").strip()
    name, colon, rest = text.partition(":")
    return bool(colon) and name in EXAMPLES and (not rest or rest.startswith(" "))


def test_the_environment_is_stronger_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACENTER_CONFIG", str(FOLDER / "embedded.yaml"))
    monkeypatch.setenv("DATACENTER__LEDGER__LEASE_SECONDS", "7")

    assert load_settings().ledger.lease_seconds == 7


def test_no_shipped_configuration_holds_a_password() -> None:
    for config in FOLDER.glob("*.yaml"):
        assert "@" not in yaml.safe_dump(yaml.safe_load(config.read_text())), config.name
