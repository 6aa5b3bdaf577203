"""The operator's view: health, metrics, storages, the reference, and a stop that does not hang."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from support.servers.scraping import Scrape, free_ports, scrape

from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobState
from datacenter.web import admission, health
from datacenter.web.server import build_server


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_health_needs_no_token(web, prefix: str) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(f"{web.url}{prefix}{path}").json()["status"] == "ok"


def test_a_database_that_is_away_is_told_as_unavailable(web, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("canary"))

    monkeypatch.setattr(Database, "reading", fail)
    for path in ("/readyz", "/api/v1/datasets"):
        response = web.client.get(path)
        assert (response.status_code, response.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(response.headers["Retry-After"]) > 0
        assert "canary" not in response.text
    assert web.client.get("/healthz").status_code == 200


def test_a_schema_that_does_not_serve_this_release_is_told(web, monkeypatch) -> None:
    monkeypatch.setattr(health, "revision_of", lambda _: "0001")

    response = httpx.get(f"{web.url}/readyz")

    assert (response.status_code, response.json()["code"]) == (503, "SCHEMA_UNFIT")
    assert "run `datacenter migrate`" in response.json()["detail"]


def test_metrics_count_requests_by_route(web) -> None:
    web.client.post("/api/v1/datasets", json=web.new_dataset("measured"))
    web.client.get("/api/v1/jobs/some-id-that-must-not-be-a-label")
    text = httpx.get(f"{web.url}/metrics").text
    assert 'route="/api/v1/jobs/{job_id}",status_class="4xx"' in text
    assert "some-id" not in text
    assert 'datacenter_jobs_submitted_total{kind="import"} ' in text
    assert 'datacenter_build_info{component="web"' in text
    assert "process_resident_memory_bytes " in text
    assert "datacenter_queue" not in text, "only the scheduler reports the ledger"


@contextmanager
def _with_metrics_apart(web, serving_on) -> Iterator[tuple[str, int]]:
    """The address of a server whose metrics are on their own port, and that port."""
    settings, port = web.resources.settings, free_ports()
    own = settings.model_copy(update={"web": settings.web.model_copy(update={"metrics_port": port})})
    with serving_on(replace(web.resources, settings=own)) as url:
        yield url, port


def test_metrics_with_a_port_of_their_own_are_there_and_not_where_requests_go(web, serving_on) -> None:
    with _with_metrics_apart(web, serving_on) as (url, port):
        for path in ("/metrics", "/api/v1/metrics"):
            refused = httpx.get(f"{url}{path}")
            assert (refused.status_code, refused.json()["code"]) == (404, "NOT_FOUND")
        described = httpx.get(f"{url}/api/v1/openapi.json").json()["paths"]
        metrics = scrape(port)

    assert "/api/v1/metrics" not in described
    assert metrics.sum("datacenter_build_info", component="web") == 1
    assert metrics.sum("datacenter_http_requests_total", route="unmatched", status_class="4xx") >= 2
    assert "process_resident_memory_bytes" in metrics.names()


def test_a_single_metric_can_be_asked_for_at_a_port_of_their_own(web, serving_on) -> None:
    with _with_metrics_apart(web, serving_on) as (url, port):
        httpx.get(f"{url}/healthz")
        asked = {"name[]": "datacenter_http_requests_total"}
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", params=asked, trust_env=False)

    assert Scrape(answer.text).names() == {"datacenter_http_requests_total"}


def test_a_server_that_has_stopped_tells_no_metrics_any_more(web, serving_on) -> None:
    with _with_metrics_apart(web, serving_on) as (_, port):
        scrape(port)

    with pytest.raises(httpx.ConnectError):
        scrape(port)


def test_a_taken_port_for_metrics_is_refused_by_its_name(web, serving_on) -> None:
    with _with_metrics_apart(web, serving_on) as (_, port):
        settings = web.resources.settings
        own = settings.model_copy(update={"web": settings.web.model_copy(update={"metrics_port": port})})

        with pytest.raises(
            SettingsInvalid, match=rf"^web\.metrics_port: cannot listen on 127\.0\.0\.1:{port}"
        ):
            build_server(own, replace(web.resources, settings=own)).run()


def test_a_storages_secrets_are_not_told(web) -> None:
    storages = web.client.get("/api/v1/storages").json()["items"]
    assert [storage["name"] for storage in storages] == ["bucket", "default", "lake"]
    bucket = web.client.get("/api/v1/storages/bucket").json()
    assert bucket == storages[0]
    assert bucket["url"] == "cos://user:***@host/bucket?***"
    assert bucket["options"] == {"secret_key": "***", "region": "x"}
    assert "canary" not in json.dumps(storages)
    assert web.client.get("/api/v1/storages/nowhere").status_code == 404


def test_the_document_describes_every_operation(web) -> None:
    document = httpx.get(f"{web.url}/api/v1/openapi.json").json()
    problem = {"$ref": "#/components/schemas/Problem"}
    names = []
    for methods in document["paths"].values():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["summary"]
            assert operation["tags"]
            for status, answer in operation["responses"].items():
                if status == "default" or int(status) >= 400:
                    assert answer["content"]["application/problem+json"]["schema"] == problem
                if status == "202":
                    assert "Location" in answer["headers"]
    assert len(names) == len(set(names))
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    text = json.dumps(document)
    for name in set(text.split("#/components/schemas/")[1:]):
        assert name.split('"')[0] in document["components"]["schemas"]
    assert "HTTPValidationError" not in text


def test_the_reference_needs_no_script_and_no_other_server(web) -> None:
    page = httpx.get(f"{web.url}/api/v1/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://localhost", "")
    assert "/api/v1/datasets/{dataset_id}/labels" in page.text


def _job(web, name: str) -> str:
    return web.client.post("/api/v1/datasets", json=web.new_dataset(name)).json()["job"]["id"]


def _move(web, job_id: str, **values) -> None:
    with web.resources.database.transaction() as session:
        session.query(Job).filter_by(id=job_id).update(values)


def test_events_tell_each_change_and_end_with_the_job(web) -> None:
    job_id = _job(web, "watched")
    seen = []
    with web.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if not line.startswith("data: "):
                continue
            seen.append(json.loads(line.removeprefix("data: ")))
            if len(seen) == 1:
                _move(web, job_id, state=JobState.STARTED, files_done=3)
            elif len(seen) == 2:
                _move(web, job_id, state=JobState.SUCCESS, result={"files": 3})
    assert [job["progress"]["files_done"] for job in seen] == [0, 3, 3]
    assert seen[-1]["state"] == "SUCCESS"
    assert seen[-1]["result"] == {"files": 3}


def test_events_of_an_unknown_job_are_not_found(web) -> None:
    response = web.client.get("/api/v1/jobs/unknown/events")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_the_server_stops_within_a_moment_though_events_are_watched(web) -> None:
    job_id = _job(web, "watched-to-the-end")
    ready, address = threading.Event(), []
    server = build_server(
        web.resources.settings, web.resources, lambda url: (address.append(url), ready.set())
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(10)
    headers = {"Authorization": f"Bearer {web.token}"}
    with httpx.stream("GET", f"{address[0]}/api/v1/jobs/{job_id}/events", headers=headers) as response:
        lines = response.iter_lines()
        while not next(lines).startswith("data: "):
            pass
        began = time.monotonic()
        server.stop()
        assert not list(lines)[1:]  # the stream is ended, not cut
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - began < 3


def test_a_request_too_many_is_told_to_come_back_and_health_is_answered(web, serving_on, monkeypatch) -> None:
    job_id = _job(web, "watched-while-busy")
    monkeypatch.setattr(admission, "MAX_REQUESTS", 4)  # half of them for one token
    headers = {"Authorization": f"Bearer {web.token}"}
    with serving_on(web.resources) as url, ExitStack() as watching:
        events = f"{url}/api/v1/jobs/{job_id}/events"
        for _ in range(2):
            watching.enter_context(httpx.stream("GET", events, headers=headers))
        refused = httpx.get(f"{url}/api/v1/jobs", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "TOO_BUSY")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) > 0
        for path in ("/healthz", "/readyz", "/api/v1/healthz"):
            assert httpx.get(f"{url}{path}").status_code == 200
        watching.close()
        deadline = time.monotonic() + 10
        while httpx.get(f"{url}/api/v1/jobs", headers=headers).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
