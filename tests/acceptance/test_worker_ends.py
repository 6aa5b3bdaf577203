"""SIGTERM of a worker: at any moment it ends with 0, and what it held goes on elsewhere without a lost attempt."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import kombu
import pytest
from support.jobs.ledger_watch import LedgerWatch, watching
from support.jobs.pods import Pod, without_its_own_worker
from support.jobs.rest_jobs import archive_of, eventually, start_import
from support.storages.slow import with_slow_storages

from datacenter.client import Job
from datacenter.ledger.doorbell import broker_queue
from datacenter.ledger.states import ShardState
from datacenter.settings.model import BrokerSettings

LONG_SECONDS = 60
QUIET = {
    "DATACENTER__LEDGER__LEASE_SECONDS": "300",
    "DATACENTER__LEDGER__SWEEP_SECONDS": "600",
    "DATACENTER__WORKER__GRACE_SECONDS": str(LONG_SECONDS),
}
"""No expired lease and no sweep helps."""
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(QUIET) as started:
        yield started


@pytest.fixture(scope="module")
def environment(centre) -> Iterator[dict[str, str]]:
    with without_its_own_worker(centre.pid("worker")) as given:
        yield given


@pytest.fixture
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """While it is there, the storages of a held pod do not answer."""
    path = tmp_path / "hold"
    path.touch()
    return path


@pytest.fixture
def pods(tmp_path: Path, environment) -> Iterator:
    with ExitStack() as stack:

        def start(
            name: str, *, held: dict[str, Path] | None = None, concurrency: int = 1, **settings: str
        ) -> Pod:
            chosen, module = {**environment, **settings}, "jobs.worker"
            if held is not None:
                chosen, module = with_slow_storages(chosen, **held), "support.storages.slow"
            pod = Pod(chosen, tmp_path / f"{name}.log", concurrency=concurrency, module=module)
            stack.callback(pod.kill)
            return pod

        yield start


def begun(centre, tmp_path: Path, name: str) -> Job:
    """The job of an import of a few files, which makes one shard."""
    content = {f"{number % 2}/{number}.txt": f"file {number}" for number in range(20)}
    return start_import(centre.client, archive_of(content, tmp_path / f"{name}.zip"), name)[1]


def until_held(watch: LedgerWatch, job_id: str) -> None:
    """Until a run's shard is leased."""
    watch.until(
        lambda: any(shard.state == ShardState.LEASED for shard in watch.shards(job_id).values()),
        "no worker took a shard",
    )


def test_it_is_not_deaf_before_everything_is_loaded_and_ends_at_once(pods):
    pod = pods("early")
    pod.until_listening()
    assert pod.children() == []

    pod.send_signal()

    assert pod.exit_code() == 0, pod.output()


@contextmanager
def silent_broker() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@contextmanager
def no_broker() -> Iterator[str]:
    yield "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("broker", [no_broker, silent_broker])
def test_it_ends_with_0_while_the_broker_is_away_or_says_nothing(pods, broker, number):
    with broker() as url:
        pod = pods("lonely", DATACENTER__BROKER__URL=url, DATACENTER__WORKER__GRACE_SECONDS="1")
        pod.until_working()

        pod.send_signal(number)

        assert pod.exit_code() == 0, pod.output()


def test_what_it_holds_is_finished_within_the_grace(centre, pods, hold, watch, tmp_path, name):
    job = begun(centre, tmp_path, name)
    pod = pods("patient", held={"hold_puts": hold})
    until_held(watch, job.id)

    pod.send_signal()
    hold.unlink()

    assert pod.exit_code() == 0, pod.output()
    (shard,) = watch.shards(job.id).values()
    assert (shard.state, shard.token, shard.attempts) == (ShardState.DONE, 1, 0)
    # What follows the shard was rung for and left to others.
    assert centre.client.jobs.get(job.id).state == "STARTED"
    other = pods("other")
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    other.send_signal()
    assert other.exit_code() == 0


def test_told_twice_it_hands_back_what_hangs_in_a_storage_and_ends(centre, pods, hold, watch, tmp_path, name):
    job = begun(centre, tmp_path, name)
    pod = pods("hanging", held={"hold_puts": hold})
    until_held(watch, job.id)

    pod.send_signal()
    pod.send_signal(signal.SIGINT)

    assert pod.exit_code() == 0, pod.output()
    (shard,) = watch.shards(job.id).values()
    assert (shard.state, shard.owner, shard.attempts) == (ShardState.READY, None, 0)
    assert centre.client.jobs.get(job.id).attempts == 0
    other = pods("other")
    ended = centre.client.jobs.wait(job)
    assert (ended.state, ended.attempts) == ("SUCCESS", 0)
    other.send_signal()
    assert other.exit_code() == 0


def test_a_signal_to_its_whole_process_group_is_no_other(centre, pods, hold, watch, tmp_path, name):
    job = begun(centre, tmp_path, name)
    pod = pods("group", held={"hold_puts": hold}, concurrency=2)
    until_held(watch, job.id)

    os.killpg(pod.pid, signal.SIGTERM)
    hold.unlink()

    assert pod.exit_code() == 0, pod.output()
    (shard,) = watch.shards(job.id).values()
    assert (shard.state, shard.attempts) == (ShardState.DONE, 0)
    other = pods("other")
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    other.send_signal()
    assert other.exit_code() == 0


def forget_rings(environment: dict[str, str]) -> None:
    """Remove the rings that no worker has taken from the broker."""
    prefix = environment.get("DATACENTER__BROKER__PREFIX", BrokerSettings().prefix)
    with kombu.Connection(environment["DATACENTER__BROKER__URL"]) as connection:
        broker_queue(prefix, "import")(connection.channel()).purge()


def test_rings_that_a_stopped_worker_took_are_heard_by_others_at_once(
    centre, environment, pods, hold, tmp_path, name
):
    job = begun(centre, tmp_path, name)
    busy = pods("busy", held={"hold_reads": hold})
    eventually(lambda: centre.client.jobs.get(job.id).state == "STARTED", "no worker began", seconds=60)
    # It has no hand free, but takes a ring from the broker all the same.
    waiting = begun(centre, tmp_path, f"{name}-waiting")
    eventually(lambda: centre.client.jobs.get(waiting.id).state == "RECEIVED", "no ring came")
    forget_rings(environment)
    idle = pods("idle")
    idle.until_working()

    busy.send_signal()

    assert centre.client.jobs.wait(waiting, timeout_seconds=LONG_SECONDS / 2).state == "SUCCESS"
    assert not busy.has_ended()
    hold.unlink()
    assert busy.exit_code() == 0, busy.output()
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    idle.send_signal()
    assert idle.exit_code() == 0
