"""Watching a job until its end: by events, or by polling if they fail."""

import json
from typing import Any

import httpx
import pytest

from datacenter.client import Problem, ServerUnreachable


def job(state: str, done: int = 0) -> dict[str, Any]:
    return {"id": "j1", "kind": "import", "state": state, "progress": {"files_done": done, "files_total": 9}}


def events(*jobs: dict[str, Any]) -> httpx.Response:
    text = "".join(f": alive\n\nevent: job\ndata: {json.dumps(one)}\n\n" for one in jobs)
    return httpx.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, text=text)


def is_events(request: httpx.Request) -> bool:
    return request.url.path.endswith("/events")


def test_events_are_followed_to_the_end_without_polling(client_of):
    paths = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return events(job("STARTED", 1), job("STARTED", 5), job("SUCCESS", 9))

    seen = []
    finished = client_of(handler).jobs.wait("j1", on_progress=seen.append)

    assert finished.succeeded
    assert [one.progress.files_done for one in seen] == [1, 5, 9]
    assert paths == ["/api/v1/jobs/j1/events"]


def test_a_stream_that_breaks_off_is_taken_up_again(client_of):
    streams = iter([events(job("STARTED", 1)), events(job("SUCCESS", 9))])

    def handler(request: httpx.Request) -> httpx.Response:
        return next(streams) if is_events(request) else httpx.Response(200, json=job("STARTED", 3))

    states = [one.progress.files_done for one in client_of(handler).jobs.watch("j1")]

    assert states == [1, 3, 9]


def test_a_server_without_events_is_polled(client_of):
    polls = iter([job("PENDING"), job("STARTED", 4), job("FAILURE", 4)])

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={}) if is_events(request) else httpx.Response(200, json=next(polls))

    assert client_of(handler).jobs.wait("j1").state == "FAILURE"


def test_a_server_that_restarts_is_waited_for(client_of):
    answers = iter([None, None, None, None, None])

    def handler(request: httpx.Request) -> httpx.Response:
        if next(answers, job("SUCCESS")) is None:
            raise httpx.ConnectError("connection refused")
        return events(job("SUCCESS")) if is_events(request) else httpx.Response(200, json=job("SUCCESS"))

    assert client_of(handler).jobs.wait("j1").succeeded


def test_a_server_that_stays_away_is_unreachable(client_of):
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(ServerUnreachable):
        client_of(handler).jobs.wait("j1")


def test_a_job_that_is_not_there_is_a_problem(client_of):
    with pytest.raises(Problem) as caught:
        client_of(lambda _: httpx.Response(404, json={"code": "NOT_FOUND"})).jobs.wait("j1")

    assert caught.value.code == "NOT_FOUND"


def test_waiting_has_an_end_if_one_is_given(client_of):
    with pytest.raises(TimeoutError, match="job j1 is still STARTED"):
        client_of(lambda _: httpx.Response(200, json=job("STARTED"))).jobs.wait("j1", timeout_seconds=0)
