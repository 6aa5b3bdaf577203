"""`datacenter health`: a hung loop is reported as dead; long shards and a lost broker are not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.jobs.ledger_watch import LedgerWatch, watching
from support.jobs.rest_jobs import archive_of, start_import
from support.servers.scraping import free_ports

from datacenter.observability.liveness import NoSignOfLife, Role, require_life
from datacenter.settings.model import HealthSettings

pytestmark = pytest.mark.real

STALE_SECONDS = 4
MANY_SHARDS = {"DATACENTER__SHARDS__FILES": "20", "DATACENTER__LEDGER__LEASE_SECONDS": "60"}


@pytest.fixture(scope="module")
def health(tmp_path_factory: pytest.TempPathFactory) -> HealthSettings:
    folder = tmp_path_factory.mktemp("health")
    return HealthSettings(directory=str(folder), stale_seconds=STALE_SECONDS)


@pytest.fixture(scope="module")
def port() -> int:
    """Where the worker is scraped; the scheduler is at the next one."""
    return free_ports()


@pytest.fixture(scope="module")
def centre(start_centre, health, port):
    signs = {
        "DATACENTER__METRICS__PORT": str(port),
        "DATACENTER__HEALTH__DIRECTORY": health.directory,
        "DATACENTER__HEALTH__STALE_SECONDS": str(STALE_SECONDS),
    }
    with start_centre({**MANY_SHARDS, **signs}) as started:
        yield started


@pytest.fixture(scope="module")
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


def asked(
    centre, health: HealthSettings, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **centre.environment,
        **centre.settings,
        "DATACENTER_CONFIG": str(centre.running.home.config),
        "DATACENTER__HEALTH__DIRECTORY": health.directory,
        "DATACENTER__HEALTH__STALE_SECONDS": str(STALE_SECONDS),
        "DATACENTER__WEB__PORT": centre.url.rpartition(":")[2],
        **settings,
    }
    command = [sys.executable, "-m", "datacenter.cli", "health", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def lives(health: HealthSettings, role: Role) -> bool:
    try:
        require_life(health, role)
    except NoSignOfLife:
        return False
    return True


def signs_go_on(health: HealthSettings, watch: LedgerWatch, role: Role) -> None:
    """Signs are given for longer than a loop may be silent."""
    file = Path(health.directory, role)
    first = float(file.read_text())
    watch.until(
        lambda: float(file.read_text()) > first + 2 * STALE_SECONDS, f"the {role} gave no sign any more"
    )


@pytest.mark.parametrize("process", ["web", "worker", "scheduler"])
@pytest.mark.parametrize("option", [(), ("--ready",)], ids=["lives", "ready"])
def test_a_process_that_runs_is_well(centre, health, watch, process, option):
    if process != "web":
        watch.until(lambda: lives(health, Role(process)), f"the {process} gave no sign of life")

    answer = asked(centre, health, process, *option)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [f"the {process} {'is ready' if option else 'is alive'}"]


@pytest.mark.parametrize(("role", "offset"), [(Role.WORKER, 0), (Role.SCHEDULER, 1)])
def test_a_process_says_over_http_that_it_lives_and_when_its_loop_has_been_silent(
    centre, health, watch, port, role, offset
):
    watch.until(lambda: lives(health, role), f"the {role} gave no sign of life")
    page = f"http://127.0.0.1:{port + offset}/healthz"
    alive = httpx.get(page, trust_env=False)
    sign = Path(health.directory, role)
    written = float(sign.read_text())
    # Until the loop writes the file again.
    watch.until(lambda: _old(sign) and httpx.get(page, trust_env=False).status_code == 503, "not noticed")

    assert (alive.status_code, alive.text) == (200, "alive\n")
    watch.until(lambda: float(sign.read_text()) > written, "the loop gave no sign any more")


def _old(sign: Path) -> bool:
    sign.write_text("0.0\n")
    return True


@pytest.mark.parametrize("role", [Role.WORKER, Role.SCHEDULER])
def test_a_loop_that_stands_still_is_noticed(centre, health, watch, role):
    watch.until(lambda: lives(health, role), f"the {role} gave no sign of life")
    watch.stop_outside_transactions([centre.pid(role)])
    try:
        watch.until(lambda: not lives(health, role), "it was not noticed that the loop stands still")
        answer = asked(centre, health, role)
    finally:
        os.kill(centre.pid(role), signal.SIGCONT)

    assert answer.returncode == 1, answer.stdout
    assert f"the loop of the {role} has given no sign of life for" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    watch.until(lambda: lives(health, role), "it did not come back to life")


def test_a_shard_that_lasts_longer_than_a_loop_may_be_silent_is_no_death(centre, health, watch, tmp_path):
    files = {f"{number % 2}/{number}.txt": b"x" * 300 for number in range(400)}
    _, job = start_import(centre.client, archive_of(files, tmp_path / "long.zip"), "long")

    middle = watch.stop_in_the_middle(job.id)
    try:
        signs_go_on(health, watch, Role.WORKER)
        assert watch.shards(job.id)[middle.held.number] == middle.held, "the shard did not last"
    finally:
        os.kill(middle.held.pid, signal.SIGCONT)

    assert centre.client.jobs.wait(job).state == "SUCCESS"


def test_a_broker_that_is_away_leaves_the_processes_alive_and_not_ready(centre, health, watch):
    if "valkey" not in centre.running.processes():
        pytest.skip("the broker is a server of its own here")
    supervisor = int(Path(f"/proc/{centre.pid('web')}/stat").read_text().rpartition(")")[2].split()[1])
    broker = centre.pid("valkey")
    os.kill(supervisor, signal.SIGSTOP)  # so that it stays dead
    try:
        os.kill(broker, signal.SIGKILL)
        signs_go_on(health, watch, Role.WORKER)
        signs_go_on(health, watch, Role.SCHEDULER)
        worker, web = (asked(centre, health, process, "--ready") for process in ("worker", "web"))
    finally:
        os.kill(supervisor, signal.SIGCONT)

    assert worker.returncode == 1, worker.stdout
    assert "broker.url: the broker does not answer" in worker.stderr
    # Requests are accepted all the same: their rings wait in the outbox.
    assert web.returncode == 0, web.stderr


def test_a_database_without_the_schema_is_not_ready(centre, health, tmp_path):
    answer = asked(
        centre, health, "worker", "--ready", DATACENTER__DATABASE__URL=f"sqlite:///{tmp_path}/none.db"
    )

    assert answer.returncode == 1
    assert "run `datacenter migrate`" in answer.stderr


def test_a_web_layer_that_is_not_there_is_told(centre, health):
    answer = asked(centre, health, "web", DATACENTER__WEB__PORT="1")

    assert answer.returncode == 1
    assert "the web layer does not answer at http://127.0.0.1:1/healthz" in answer.stderr
