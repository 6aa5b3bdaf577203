"""The lines of all processes in production: JSON, and those of one request can be followed to the worker."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.jobs.rest_jobs import archive_of, eventually

pytestmark = pytest.mark.real

TOKEN_START = "dc_"


@pytest.fixture(scope="module")
def centre(start_centre):
    settings = {
        "DATACENTER__ENVIRONMENT": "production",
        "DATACENTER__WEB__PUBLIC_URL": "https://data.example.com",
        "DATACENTER__SHARDS__FILES": "2",
    }
    with start_centre(settings) as started:
        yield started


def lines_of(centre, process: str) -> list[dict[str, Any]]:
    """Every line that a process has written, of which each must be JSON."""
    text = Path(centre.home, "log", f"{process}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def imported(centre, folder: Path, headers: dict[str, str]) -> tuple[httpx.Response, str]:
    """The answer to a request for an import, and the job it started, which has ended."""
    archive = archive_of({f"{number}.txt": "content" for number in range(6)}, folder / "some.zip")
    body = {
        "name": f"logged-{uuid.uuid4().hex[:8]}",
        "source": {"upload": centre.client.uploads.send(archive)},
    }
    answer = httpx.post(
        f"{centre.url}/api/v1/datasets",
        json=body,
        headers={"Authorization": f"Bearer {centre.token}", **headers},
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]["id"]
    assert next(reversed(list(centre.client.jobs.watch(job_id)))).state == "SUCCESS"
    return answer, job_id


def test_a_request_is_followed_from_the_web_layer_to_every_shard_of_its_job(centre, tmp_path):
    request_id = f"from-outside-{uuid.uuid4().hex}"

    answer, job_id = imported(centre, tmp_path, {"X-Request-ID": request_id})

    assert answer.headers["X-Request-ID"] == request_id
    web = [line for line in lines_of(centre, "web") if line.get("request_id") == request_id]
    assert {line["event"] for line in web} == {"job committed", "request"}
    (committed,) = (line for line in web if line["event"] == "job committed")
    assert committed["job_id"] == job_id
    (served,) = (line for line in web if line["event"] == "request")
    assert (served["method"], served["route"], served["status"]) == ("POST", "/api/v1/datasets", 202)

    def done() -> list[tuple[str, int]]:
        worker = [line for line in lines_of(centre, "worker") if line.get("job_id") == job_id]
        assert all(line["request_id"] == request_id for line in worker)
        return sorted((line["step"], line["shard"]) for line in worker if line["event"] == "shard ends")

    steps = [("finish", 0), ("plan", 0), ("run", 1), ("run", 2), ("run", 3)]
    eventually(lambda: done() == steps, f"{steps} are not all logged")


def test_an_id_that_could_do_harm_in_a_log_is_replaced(centre, tmp_path):
    answer, job_id = imported(centre, tmp_path, {"X-Request-ID": 'forged" level="error'})

    given = uuid.UUID(answer.headers["X-Request-ID"])
    worker = [line for line in lines_of(centre, "worker") if line.get("job_id") == job_id]
    assert {line["request_id"] for line in worker} == {str(given)}


def test_every_line_of_every_process_is_json_and_none_holds_a_token(centre, tmp_path):
    imported(centre, tmp_path, {})

    for process in ("web", "worker", "scheduler"):
        lines = lines_of(centre, process)
        assert lines, process
        for line in lines:
            assert {"event", "level", "timestamp", "logger"} <= line.keys()
            assert centre.token not in json.dumps(line)
