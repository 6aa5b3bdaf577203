"""What the processes of a worker count adds up, also when one of them is killed; the scheduler reports the ledger."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs.ledger_watch import LedgerWatch, watching
from support.jobs.rest_jobs import archive_of, eventually, start_import
from support.servers.scraping import Scrape, free_ports, scrape

pytestmark = pytest.mark.real

FILES, SHARD_FILES, CHILDREN = 300, 10, 3
SHARDS = FILES // SHARD_FILES
FILE_BYTES = 700
DONE = {"kind": "import", "step": "run", "outcome": "done"}
PORT = free_ports()


@pytest.fixture(scope="module")
def centre(start_centre):
    settings = {
        "DATACENTER__SHARDS__FILES": str(SHARD_FILES),
        "DATACENTER__LEDGER__LEASE_SECONDS": "10",
        "DATACENTER__METRICS__PORT": str(PORT),
    }
    with start_centre(settings) as started:
        yield started


@pytest.fixture(scope="module")
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


@pytest.fixture
def worker(centre, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of three children in the place of the data centre's own, which would take shards from it."""
    own = centre.pid("worker")
    supervisor = int(Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[1])
    environment = dict(
        pair.split("=", 1) for pair in Path(f"/proc/{own}/environ").read_text().split("\0") if pair
    )
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(own, signal.SIGTERM)
        eventually(lambda: _is_over(own), "the worker did not end", seconds=60)
        command = [sys.executable, "-m", "jobs.worker", f"--concurrency={CHILDREN}"]
        # Files of its own, that nothing of another worker is among them.
        place = {"TMPDIR": str(tmp_path)}
        with (tmp_path / "log").open("wb") as log:
            started = subprocess.Popen(command, env={**environment, **place}, stderr=log)
        try:
            yield started
        finally:
            started.terminate()
            assert started.wait(60) == 0, (tmp_path / "log").read_text()
    finally:
        os.kill(supervisor, signal.SIGCONT)
    eventually(lambda: centre.pid("worker") != own, "the worker is not started again", seconds=60)
    assert not list(tmp_path.glob("datacenter-metrics-*")), "the files outlive the worker"


def _is_over(pid: int) -> bool:
    """Ended, and not reaped yet, for its parent is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def series_that_fell(before: Scrape, after: Scrape) -> list[str]:
    """Counters that went back, which they may not while a worker lives."""
    now = {(each.name, *sorted(each.labels.items())): each.value for each in after.samples}
    return [
        each.name
        for each in before.samples
        if each.name.endswith(("_total", "_count", "_bucket"))
        and now.get((each.name, *sorted(each.labels.items())), 0) < each.value
    ]


@pytest.mark.timeout(300)
def test_shards_of_three_children_of_which_one_is_killed_add_up(centre, watch, worker, tmp_path):
    files = {f"{number % 2}/{number}.bin": os.urandom(FILE_BYTES) for number in range(FILES)}
    _, job = start_import(centre.client, archive_of(files, tmp_path / "counted.zip"), "counted")

    middle = watch.stop_in_the_middle(job.id)
    before = scrape(PORT)
    assert before.sum("datacenter_shards_running", kind="import") >= 1
    os.kill(middle.held.pid, signal.SIGKILL)
    assert centre.client.jobs.wait(job).state == "SUCCESS"

    eventually(lambda: scrape(PORT).sum("datacenter_shards_total", **DONE) >= SHARDS, "shards are missing")
    after = scrape(PORT)
    assert after.sum("datacenter_shards_total", **DONE) == SHARDS
    assert after.sum("datacenter_processed_files_total", kind="import") == FILES
    assert after.sum("datacenter_processed_bytes_total", kind="import") == FILES * FILE_BYTES
    # The attempt that was killed never ended.
    ended = after.sum("datacenter_shards_total", kind="import")
    assert after.sum("datacenter_shard_duration_seconds_count", kind="import") == ended >= SHARDS + 2
    assert after.sum("datacenter_jobs_finished_total", kind="import", state="SUCCESS") == 1
    assert after.sum("datacenter_worker_concurrency") == CHILDREN
    assert series_that_fell(before, after) == []
    eventually(lambda: scrape(PORT).sum("datacenter_shards_running") == 0, "the killed child holds a shard")
    # The child that was started in its place goes on with its files.
    (folder,) = tmp_path.glob("datacenter-metrics-*")
    places = {path.stem.rpartition("_")[2] for path in folder.glob("*.db")}
    assert places <= {"0", "1", "2"}
    assert len(places) == CHILDREN

    scraped = scrape(PORT + 1)
    lost = sum(shard.attempts for shard in watch.shards(job.id).values())
    assert scraped.sum("datacenter_leases_lost_total", kind="import") == lost >= 1
    assert scraped.sum("datacenter_shard_retries_total", kind="import") == lost


def test_the_scheduler_tells_how_the_ledger_stands(centre, watch, small):
    eventually(lambda: "datacenter_jobs" in scrape(PORT + 1).names(), "the scheduler exports no metrics")

    # No worker claims anything while all of its children stand still.
    eventually(lambda: _answers(PORT) and _is_whole(centre), "there is no worker", seconds=60)
    children = centre.worker_children()
    watch.stop_outside_transactions(children)
    try:
        jobs = [start_import(centre.client, small, f"counted-{number}")[1] for number in range(3)]
        eventually(
            lambda: scrape(PORT + 1).sum("datacenter_queue_ready_shards", queue="import") == len(jobs),
            "the queue's depth is not reported",
            seconds=30,
        )
        scraped = scrape(PORT + 1)
        assert scraped.sum("datacenter_jobs", kind="import") == len(jobs)
        assert scraped.sum("datacenter_queue_oldest_age_seconds", queue="import") > 0
        assert scraped.sum("datacenter_queue_ready_shards", queue="delete") == 0
        assert len(list(scraped.having("datacenter_queue_ready_shards"))) == 4, (
            "an empty queue is reported, too"
        )
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)
    assert all(centre.client.jobs.wait(job).state == "SUCCESS" for job in jobs)
    eventually(
        lambda: scrape(PORT + 1).sum("datacenter_jobs", kind="import") == 0, "jobs never end", seconds=30
    )


def test_what_the_ledger_holds_is_told_by_the_scheduler_alone(centre):
    eventually(lambda: _answers(PORT), "the worker is not there", seconds=60)
    for port in (PORT, int(centre.url.rpartition(":")[2])):
        scraped = scrape(port).names()
        assert "datacenter_build_info" in scraped
        assert not {"datacenter_jobs", "datacenter_queue_ready_shards"} & scraped


def _is_whole(centre) -> bool:
    """Every child is there: a child started later would claim the shard that must wait."""
    return len(centre.worker_children()) == scrape(PORT).sum("datacenter_worker_concurrency") > 0


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_that_is_taken_is_refused_in_words(centre):
    environment = {
        **os.environ,
        **centre.settings,
        "DATACENTER_CONFIG": str(centre.running.home.config),
        "DATACENTER__METRICS__PORT": str(PORT),
        "TMPDIR": tempfile.gettempdir(),
    }
    for module in ("jobs.worker", "jobs.scheduler"):
        command = [sys.executable, "-m", module]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 2, ended.stderr
        assert f"metrics.port: cannot listen on 127.0.0.1:{PORT}" in ended.stderr
        assert "Traceback" not in ended.stderr
