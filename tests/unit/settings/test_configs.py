"""The configurations that the project ships can be read, and say what they mean."""

from pathlib import Path

import pytest

from datacenter.settings import load_settings

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_configuration_is_valid(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACENTER_CONFIG", str(config))
    monkeypatch.setenv("DATACENTER__WEB__SECRET_KEY", "k" * 32)

    settings = load_settings()

    assert settings.default_storage in settings.storages


def test_the_environment_is_stronger_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACENTER_CONFIG", str(CONFIGS[0]))
    monkeypatch.setenv("DATACENTER__LEDGER__LEASE_SECONDS", "7")

    assert load_settings().ledger.lease_seconds == 7
