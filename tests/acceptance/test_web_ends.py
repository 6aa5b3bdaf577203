"""SIGTERM of the web process: what is being served is served to its end, streams of events end, and it ends with 0."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.jobs.pods import environment_of
from support.jobs.rest_jobs import eventually, start_import

from datacenter.cli.embedded.readiness import free_port
from datacenter.client import Client

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
HALF = b"half of it, "


@pytest.fixture
def web(centre) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A second web process on the same database, as another pod has it; its address."""
    port = free_port("127.0.0.1", 0)
    url = f"http://127.0.0.1:{port}"
    environment = {**environment_of(centre.pid("web")), "DATACENTER__WEB__PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", "datacenter.cli", "serve"], env=environment) as process:
        try:
            eventually(lambda: answers(url), "it does not serve", seconds=120)
            yield process, url
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.TransportError:
        return False


def test_a_web_process_that_is_told_to_stop_ends_what_it_serves_and_then_itself(
    web, centre, client, small, name, tmp_path: Path
):
    process, url = web
    dataset, job = start_import(client, small, name)
    client.jobs.wait(job)
    waiting = client.datasets.delete(dataset.id, grace_seconds=3600)
    path = tmp_path / "upload"
    path.write_bytes(HALF * 2)
    upload = client.uploads.begin(path)
    begun, go_on = threading.Event(), threading.Event()
    watched = threading.Event()
    headers = {"Authorization": f"Bearer {centre.token}"}

    def body() -> Iterator[bytes]:
        yield HALF
        begun.set()
        assert go_on.wait(30)
        yield HALF

    def send() -> httpx.Response:
        tus = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(2 * len(HALF)),
        }
        return httpx.patch(
            f"{url}/api/v1/uploads/{upload}", headers=headers | tus, content=body(), timeout=60
        )

    def watch() -> int:
        with httpx.stream("GET", f"{url}/api/v1/jobs/{waiting.id}/events", headers=headers) as events:
            seen = []
            for line in events.iter_lines():
                seen.append(line)
                watched.set()
            return len(seen)

    with ThreadPoolExecutor(2) as threads:
        sending, watching = threads.submit(send), threads.submit(watch)
        assert begun.wait(30)
        assert watched.wait(30)

        os.kill(process.pid, signal.SIGTERM)

        # An event stream that is cut raises instead.
        assert watching.result(30) > 0
        go_on.set()
        assert sending.result(30).status_code == 204
    assert process.wait(30) == 0
    with Client(centre.url, centre.token) as other:
        assert other.uploads.offset(upload) == 2 * len(HALF)
    client.datasets.restore(dataset.id)
