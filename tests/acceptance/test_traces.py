"""Traces: one goes from a request through the job's row to every shard and the calls of storages in the worker."""

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from support.jobs.rest_jobs import eventually
from support.servers.span_collector import Collector, Seen, collecting

pytestmark = pytest.mark.real

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
SECONDS = 40
"""Spans are sent every few seconds."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def centre(start_centre, collector):
    with start_centre({"DATACENTER__TRACING__ENDPOINT": collector.url}) as started:
        yield started


def ask_for_import(centre, source: dict[str, str], name: str, **headers: str) -> str:
    """The id of the job."""
    answer = httpx.post(
        f"{centre.url}/api/v1/datasets",
        json={"name": name, "source": source},
        headers={"Authorization": f"Bearer {centre.token}", **headers},
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    centre.client.jobs.wait(centre.client.jobs.get(job_id))
    return job_id


def children(spans: list[Seen], parent: Seen) -> list[Seen]:
    return [span for span in spans if span.parent_id == parent.span_id]


def test_one_trace_holds_the_request_the_job_its_shards_and_their_calls_of_storages(centre, collector, small):
    source = {"upload": centre.client.uploads.send(small)}

    job_id = ask_for_import(centre, source, "traced", traceparent=f"00-{TRACE_ID}-{PARENT_ID}-01")

    def shards() -> set[str]:
        return {span.name for span in collector.in_trace(TRACE_ID) if span.kind == "CONSUMER"}

    wanted = {"plan import", "run import", "finish import"}
    eventually(lambda: shards() == wanted, f"the shards are not traced: {collector.spans}", seconds=SECONDS)
    spans = collector.in_trace(TRACE_ID)
    (request,) = (span for span in spans if span.kind == "SERVER")
    assert (request.service, request.parent_id) == ("datacenter-web", PARENT_ID)
    assert request.name == "POST /api/v1/datasets"
    assert request.attributes["http.response.status_code"] == 202
    (job,) = (span for span in children(spans, request) if span.kind == "PRODUCER")
    assert (job.name, job.attributes) == ("submit import", {"datacenter.job.id": job_id})
    for shard in children(spans, job):
        assert shard.service == "datacenter-worker"
        assert shard.attributes["datacenter.job.id"] == job_id
        assert shard.attributes["datacenter.shard.outcome"] == "done"
        calls = children(spans, shard)
        assert calls, f"{shard.name} called no storage"
        assert {call.kind for call in calls} == {"CLIENT"}
        assert {call.attributes["datacenter.storage.name"] for call in calls} == {"default"}
    assert {"put_many"} <= {span.name for span in spans if span.kind == "CLIENT"}


def test_the_logs_name_the_trace(centre, collector, small):
    source = {"upload": centre.client.uploads.send(small)}
    trace_id = TRACE_ID[::-1]

    job_id = ask_for_import(centre, source, "logged", traceparent=f"00-{trace_id}-{PARENT_ID}-01")

    for process in ("web", "worker"):
        log = (centre.home / "log" / f"{process}.log").read_text()
        assert any(trace_id in line and job_id in line for line in log.splitlines()), process


def test_a_call_that_fails_is_marked_without_a_word_of_its_message(centre, collector):
    trace_id = "1" * 32
    source = {"storage": "inbox", "key": "canary-key.zip"}

    ask_for_import(centre, source, "failing", traceparent=f"00-{trace_id}-{PARENT_ID}-01")

    def failed() -> list[Seen]:
        return [span for span in collector.in_trace(trace_id) if span.failed and span.kind == "CLIENT"]

    eventually(lambda: failed() != [], "no call failed", seconds=SECONDS)
    assert {span.attributes["error.type"] for span in failed()} == {"OBJECT_MISSING"}
    assert "canary" not in str(collector.in_trace(trace_id))


def test_without_an_endpoint_nothing_of_opentelemetrys_sdk_is_imported():
    code = """
import sys, json
import jobs.worker.serving, jobs.scheduler.turns, datacenter.web.server
from datacenter.settings.model import Settings
from datacenter.startup import configure_tracing
configure_tracing(Settings().tracing, "worker")
print(json.dumps([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert json.loads(found.stdout) == []
