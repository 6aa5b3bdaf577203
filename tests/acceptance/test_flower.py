"""Flower, as it is, beside the workers: it sees them and the rings they hear, if remote control is on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.jobs.rest_jobs import eventually, start_import
from support.servers.scraping import free_ports

from datacenter.ledger.doorbell import RING_TASK

pytestmark = pytest.mark.real

START_SECONDS = 60


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre({"DATACENTER__WORKER__REMOTE_CONTROL": "true"}) as started:
        yield started


@pytest.fixture
def flower(centre, tmp_path) -> Iterator[httpx.Client]:
    """A client of Flower's own API."""
    broker, port = centre.settings["DATACENTER__BROKER__URL"], free_ports()
    command = [sys.executable, "-m", "celery", f"--broker={broker}", "flower", f"--port={port}"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [*command, "--address=127.0.0.1", f"--db={tmp_path}/flower"],
            env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true"},
            stdout=log,
            stderr=log,
            cwd=tmp_path,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            eventually(lambda: _answers(client), "Flower does not start", seconds=START_SECONDS)
            yield client
    finally:
        running.terminate()
        running.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").is_success
    except httpx.TransportError:
        return False


def workers(flower: httpx.Client, prefix: str) -> dict[str, Any]:
    """The workers that consume our queues: others may share the broker."""
    answer = flower.get("/api/workers", params={"refresh": "1"})
    found = answer.json() if answer.is_success else {}
    return {
        name: seen
        for name, seen in found.items()
        if any(queue["name"].startswith(f"{prefix}.") for queue in seen.get("active_queues") or ())
    }


def test_flower_sees_the_workers_with_their_queues_and_the_rings_they_hear(centre, flower, small, name):
    prefix = centre.settings.get("DATACENTER__BROKER__PREFIX", "datacenter")
    eventually(lambda: len(workers(flower, prefix)) == 1, "Flower sees no worker", seconds=START_SECONDS)
    ((worker, seen),) = workers(flower, prefix).items()
    queues = {queue["name"].rpartition(".")[2] for queue in seen["active_queues"]}
    assert queues == {"import", "export", "download", "delete"}

    def heard() -> list[dict[str, Any]]:
        return [task for task in flower.get("/api/tasks").json().values() if task["name"] == RING_TASK]

    # Flower asks the workers for events by itself; until then, rings are not shown.
    for number in range(20):
        dataset, job = start_import(centre.client, small, f"{name}-{number}")
        assert centre.client.jobs.wait(job).state == "SUCCESS"
        centre.client.jobs.wait(centre.client.datasets.delete(dataset.id))
        if any(task["state"] == "SUCCESS" and task["worker"] == worker for task in heard()):
            return
    raise AssertionError(f"Flower sees no ring: {flower.get('/api/tasks').text}")
