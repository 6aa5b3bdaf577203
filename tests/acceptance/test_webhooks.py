"""Webhooks get the end of a job."""

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.jobs.rest_jobs import PATIENCE_SECONDS, start_import


@pytest.fixture
def hook() -> Iterator[tuple[str, "queue.Queue[dict]"]]:
    """A webhook that refuses the first call and accepts later ones."""
    heard: queue.Queue[dict] = queue.Queue()
    refused = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204 if refused.is_set() else 500)
            self.end_headers()
            if refused.is_set():
                heard.put(body)
            refused.set()

        def log_message(self, *_: object) -> None:
            """Nothing: no log output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
        server.shutdown()


def test_a_webhook_is_told_how_a_job_ended_until_it_answers(client, small, name, hook):
    url, heard = hook
    notify = [{"url": url, "on": ["SUCCESS"]}]

    _, job = start_import(client, small, name, notify=notify)

    assert client.jobs.wait(job).state == "SUCCESS"
    notified = heard.get(timeout=PATIENCE_SECONDS)
    assert notified == {"job": job.id, "kind": "import", "state": "SUCCESS", "error": None}


def test_a_webhook_is_told_of_failures_only_if_it_asked(client, name, hook):
    url, heard = hook
    source = {"storage": "inbox", "key": "never.zip"}
    deaf = client.datasets.create(f"{name}-1", source, options={"notify": [{"url": url, "on": ["SUCCESS"]}]})
    notified = client.datasets.create(
        f"{name}-2", source, options={"notify": [{"url": url, "on": ["FAILURE"]}]}
    )

    assert [client.jobs.wait(job).state for _, job in (deaf, notified)] == ["FAILURE", "FAILURE"]

    message = heard.get(timeout=PATIENCE_SECONDS)
    assert (message["job"], message["state"]) == (notified[1].id, "FAILURE")
    assert message["error"]["code"] == "OBJECT_MISSING"
    assert message["error"]["retryable"] is False
    assert heard.empty()
