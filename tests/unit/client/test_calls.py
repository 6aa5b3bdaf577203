"""Calls: the token, repeats while the server is unavailable, problems, pages."""

import httpx
import pytest

from datacenter.client import ClientError, Problem, ServerUnreachable

JOB = {
    "id": "j1",
    "kind": "import",
    "state": "PENDING",
    "dataset_ids": ["d1"],
    "created_at": "2026-11-01T10:00:00Z",
}


def test_a_post_that_got_no_answer_is_repeated_with_the_same_idempotency_key(client_of):
    keys = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) < 3:
            raise httpx.ReadError("connection lost")
        return httpx.Response(202, json={"job": JOB})

    job = client_of(handler).jobs.retry("j1")

    assert job.id == "j1"
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_posts_have_two_idempotency_keys(client_of):
    keys = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(202, json={"job": JOB})

    client = client_of(handler)
    client.jobs.retry("j1")
    client.jobs.retry("j1")

    assert len(set(keys)) == 2


def test_a_server_that_never_answers_is_unreachable_after_the_agreed_repeats(client_of, pauses):
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(ServerUnreachable, match="no answer from http://centre: connection refused"):
        client_of(handler).jobs.get("j1")

    assert len(pauses) == 3
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_the_time_it_names(client_of, pauses, status):
    answers = iter([httpx.Response(status, headers={"Retry-After": "7"}), httpx.Response(200, json=JOB)])

    job = client_of(lambda _: next(answers)).jobs.get("j1")

    assert job.state == "PENDING"
    assert pauses == [7]


@pytest.mark.parametrize(("status", "requests"), [(502, 1), (503, 4)])
def test_what_a_storage_refuses_for_good_is_not_asked_again(client_of, pauses, status, requests):
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, json={"code": "STORAGE_ERROR", "storage": "lake"})

    with pytest.raises(Problem) as caught:
        client_of(handler).jobs.get("j1")
    assert (caught.value.storage, len(seen)) == ("lake", requests)

    seen.clear()
    with pytest.raises(Problem):
        list(client_of(handler).storages.browse("lake"))
    assert len(seen) == 1


def test_a_key_in_flight_is_asked_again(client_of):
    in_flight = {"code": "IDEMPOTENCY_IN_FLIGHT", "detail": "being served"}
    answers = iter([httpx.Response(409, json=in_flight), httpx.Response(202, json={"job": JOB})])

    assert client_of(lambda _: next(answers)).jobs.cancel("j1").id == "j1"


def test_a_refusal_is_a_problem_with_its_code_and_the_wrong_fields(client_of, pauses):
    body = {
        "code": "INVALID",
        "title": "Invalid",
        "detail": "bad",
        "errors": [{"field": "name", "reason": "is empty"}],
    }

    with pytest.raises(Problem) as caught:
        client_of(lambda _: httpx.Response(422, json=body)).datasets.create("", {"upload": "u"})

    assert (caught.value.status, caught.value.code) == (422, "INVALID")
    assert caught.value.fields == (("name", "is empty"),)
    assert str(caught.value) == "name: is empty"
    assert pauses == []


def test_a_refusal_without_json_is_a_problem_too(client_of):
    with pytest.raises(Problem) as caught:
        client_of(lambda _: httpx.Response(404, text="<html>")).jobs.get("j1")

    assert caught.value.code == "HTTP_404"


def test_an_answer_that_is_not_of_this_api_is_an_error_in_clear_words(client_of):
    with pytest.raises(ClientError, match="check that this is the address of a data centre"):
        client_of(lambda _: httpx.Response(200, text="<html>")).jobs.get("j1")


def test_a_list_is_read_page_by_page_and_no_further_than_needed(client_of):
    cursors = []

    def handler(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        cursors.append(cursor)
        page = int(cursor or 0)
        items = [{**JOB, "id": f"j{page}-{i}"} for i in range(2)]
        return httpx.Response(200, json={"items": items, "next": str(page + 1) if page < 2 else None})

    client = client_of(handler)

    assert [job.id for job in client.jobs.list()] == ["j0-0", "j0-1", "j1-0", "j1-1", "j2-0", "j2-1"]
    assert cursors == [None, "1", "2"]
    cursors.clear()
    next(client.jobs.list())
    assert cursors == [None]


def test_fields_that_a_newer_server_adds_are_left_out_and_missing_ones_take_their_defaults(client_of):
    answer = {
        "id": "j1",
        "kind": "import",
        "state": "FAILURE",
        "error": {"code": "CORRUPT", "hint": "new"},
        "colour": "red",
    }

    job = client_of(lambda _: httpx.Response(200, json=answer)).jobs.get("j1")

    assert job.error is not None
    assert (job.error.code, job.error.entry) == ("CORRUPT", None)
    assert job.progress.files_total is None
    assert job.finished
    assert not job.succeeded


def test_a_dataset_is_found_by_its_exact_name_among_those_that_contain_it(client_of):
    found = [
        {"id": "a", "name": "cats and dogs", "state": "READY"},
        {"id": "b", "name": "cats", "state": "READY"},
    ]

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/datasets":
            return httpx.Response(200, json={"items": found, "next": None})
        return httpx.Response(200, json={**found[1], "labels": {"x": 1}})

    assert client_of(handler).datasets.find("cats").id == "b"
    with pytest.raises(Problem, match="no dataset named 'dogs'"):
        client_of(handler).datasets.find("dogs")
