"""A sign of life is as old as the time that is written in it, whatever the clock on the wall says."""

import os
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from support.servers.scraping import free_ports

from datacenter.errors import SettingsInvalid
from datacenter.observability.liveness import NoSignOfLife, Role, SignOfLife, require_life
from datacenter.observability.metrics import register_build_info, serve_metrics_and_health
from datacenter.settings.model import HealthSettings, MetricsSettings


@pytest.fixture
def settings(tmp_path: Path) -> HealthSettings:
    return HealthSettings(directory=str(tmp_path / "new" / "folder"), stale_seconds=60)


def test_a_sign_that_was_just_given_is_young(settings):
    SignOfLife(settings, Role.WORKER).give()

    assert require_life(settings, Role.WORKER) < 60
    assert [path.name for path in Path(settings.directory).iterdir()] == ["worker"]


def test_a_process_that_has_started_lives_before_its_loop_begins(settings):
    SignOfLife(settings, Role.WORKER)

    require_life(settings, Role.WORKER)


def test_each_role_gives_its_own(settings):
    SignOfLife(settings, Role.WORKER).give()

    with pytest.raises(NoSignOfLife, match="the scheduler has given no sign of life yet"):
        require_life(settings, Role.SCHEDULER)


def test_a_clock_that_is_set_makes_no_sign_old(settings):
    SignOfLife(settings, Role.WORKER).give()
    os.utime(Path(settings.directory, "worker"), (0, 0))

    require_life(settings, Role.WORKER)


@pytest.mark.parametrize(
    ("written", "reason"),
    [("1.0\n", "no sign of life for"), ("1e12\n", "older than the last boot"), ("", "cannot be read")],
)
def test_what_is_no_sign_of_this_process_is_told(settings, written, reason):
    SignOfLife(settings, Role.WORKER).give()
    Path(settings.directory, "worker").write_text(written)

    with pytest.raises(NoSignOfLife, match=reason):
        require_life(settings, Role.WORKER)


def test_without_a_directory_no_sign_is_given_and_the_cure_is_told():
    SignOfLife(HealthSettings(), Role.WORKER).give()

    with pytest.raises(NoSignOfLife, match="DATACENTER__HEALTH__DIRECTORY"):
        require_life(HealthSettings(), Role.WORKER)


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingsInvalid, match=r"health\.directory"):
        SignOfLife(HealthSettings(directory=str(tmp_path / "file")), Role.WORKER)


def test_whoever_is_scraped_tells_whether_its_loop_lives(settings):
    port, registry = free_ports(), CollectorRegistry()
    register_build_info(registry, "worker")
    serve_metrics_and_health(
        MetricsSettings(port=port), registry, partial(require_life, settings, Role.WORKER)
    )

    def asked(page: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{page}", trust_env=False)

    assert (asked("/healthz").status_code, asked("/metrics").status_code) == (503, 200)
    assert "the worker has given no sign of life yet" in asked("/healthz").text
    SignOfLife(settings, Role.WORKER)
    assert (asked("/healthz").status_code, asked("/healthz").text) == (200, "alive\n")
    Path(settings.directory, "worker").write_text("1.0\n")
    assert asked("/healthz").status_code == 503
    assert "datacenter_build_info" in asked("/metrics").text
