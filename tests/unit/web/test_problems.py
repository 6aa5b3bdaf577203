"""Problems: one shape, a stable code, the field and the reason, and no internals."""

import json
import math
from collections.abc import Iterator

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import OperationalError

from datacenter.validation_messages import REQUEST_MESSAGES
from datacenter.web.schemas.base import Request
from datacenter.web.schemas.datasets import LabelChange
from storage_adapters.errors import StorageUnavailable

HALF = "\ud800"


def _check(response: httpx.Response, status: int, code: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "code"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert "Traceback" not in response.text
    return problem


def test_an_unknown_address_is_a_problem(web) -> None:
    for path in ("/", "/api/v1/planets", "/api/v1/uploads/x/y/z", "/api/v1/datasets/"):
        _check(web.client.get(path), 404, "NOT_FOUND")


def test_a_wrong_method_is_a_problem_that_names_the_right_ones(web) -> None:
    response = web.client.put("/api/v1/datasets/1")
    _check(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "source"),
        ({"name": "x", "source": {"upload": "1"}, "colour": 1}, "colour"),
        ({"name": "x", "source": {"upload": "1", "more": 1}}, "source.more"),
        ({"name": "x", "source": {}}, "source"),
        ({"name": "x", "source": {"upload": "1", "prefix": "p"}}, "source"),
        ({"name": "", "source": {"upload": "1"}}, "name"),
        ({"name": "a\nb", "source": {"upload": "1"}}, "name"),
        ({"name": "x" * 256, "source": {"upload": "1"}}, "name"),
        ({"name": "x", "source": {"upload": "1"}, "priority": 1000}, "priority"),
        ({"name": "x", "source": {"upload": "1"}, "not_before": "2026-01-01T00:00:00"}, "not_before"),
        ({"name": "x", "source": {"upload": "1"}, "notify": [{"url": "ftp://x", "on": []}]}, "notify.0.url"),
        ({"name": "x", "source": {"upload": "1"}, "storage": "nowhere"}, "storage"),
        ([1], "body"),
    ],
)
def test_a_body_that_cannot_be_used_names_the_field(web, body, field: str) -> None:
    problem = _check(web.client.post("/api/v1/datasets", json=body), 422, "INVALID")
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["reason"] for error in problem["errors"])
    assert field in problem["detail"]


def test_what_is_not_json_is_a_problem(web) -> None:
    headers = {"Content-Type": "application/json"}
    problem = _check(web.client.post("/api/v1/datasets", content=b'{"a"', headers=headers), 422, "INVALID")
    assert [error["field"] for error in problem["errors"]] == ["body"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=zzzz", "state=NONE"])
def test_a_query_that_cannot_be_used_names_the_field(web, query: str) -> None:
    problem = _check(web.client.get(f"/api/v1/datasets?{query}"), 422, "INVALID")
    assert problem["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize(
    ("query", "field", "cure"),
    [
        ("name=mp", "name", "known: cursor, label, limit, q, state, tag"),
        ("after=%FF", "after", "known: "),
        ("limt=3&q=x", "limt", "did you mean limit?"),
    ],
)
def test_a_query_parameter_that_is_not_known_is_refused_with_what_was_meant(
    web, query: str, field: str, cure: str
) -> None:
    problem = _check(web.client.get(f"/api/v1/datasets?{query}"), 422, "INVALID")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert cure in problem["detail"]


def test_a_caller_that_nobody_knows_is_told_nothing_about_parameters(web) -> None:
    _check(httpx.get(f"{web.url}/api/v1/datasets?name=mp"), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"name": "a b"}, "name: must be 1 to 64 characters: A-Z, a-z, 0-9, and after the first also . _ -"),
        (
            {"name": "a", "options": {"a-b": 1}},
            "must be 1 to 64 characters: A-Z, a-z, and after the first also 0-9 _",
        ),
        ({"name": "a", "options": {"a": 0.5}}, "options.a: must be text, a whole number, true or false"),
    ],
)
def test_a_refusal_is_in_words_for_people(web, body: dict, reason: str) -> None:
    whole = {"kind": "nas", "url": "nas:///mnt/x", **body}
    problem = _check(web.client.post("/api/v1/storages", json=whole), 422, "INVALID")
    assert reason in problem["detail"]
    assert "Value error" not in problem["detail"]
    assert "pattern" not in problem["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"name": 1}, "name: must be text"),
        ({"name": ""}, "name: must have at least 1 character"),
        ({"name": "x" * 256}, "name: must have at most 255 characters"),
        ({"source": "x"}, "source: must be a JSON object"),
        ({"colour": 1}, "colour: there is no such field"),
        ({"tags": "x"}, "tags: must be a list"),
        ({"tags": ["x"] * 101}, "tags: must have at most 100 items"),
        ({"priority": 101}, "priority: must be 100 or less"),
        ({"priority": "x"}, "priority: must be a whole number"),
        (
            {"not_before": "2026-01-01"},
            "not_before: must be a time with a time zone, like 2026-01-31T12:00:00Z",
        ),
        ({"notify": [{}]}, "notify.0.url: is missing"),
        ({"notify": [{"url": "http://x", "on": []}]}, "notify.0.on: must have at least 1 item"),
        ({"notify": [{"url": "http://x", "on": ["X"]}]}, "notify.0.on.0: must be 'SUCCESS' or 'FAILURE'"),
        ({"notify": [{"url": "ftp://x"}]}, "notify.0.url: must be a URL that begins with 'http' or 'https'"),
    ],
)
def test_a_field_of_the_wrong_kind_is_told_what_it_must_be(web, body: dict, detail: str) -> None:
    whole = {"name": "x", "source": {"upload": "1"}, **body}
    problem = _check(web.client.post("/api/v1/datasets", json=whole), 422, "INVALID")
    assert problem["detail"] == detail


def _requests(below: type[Request] = Request) -> Iterator[type[Request]]:
    for model in below.__subclasses__():
        yield model
        yield from _requests(model)


WRONG = (
    None,
    True,
    -1,
    1.5,
    10**30,
    math.inf,
    math.nan,
    "",
    "x" * 60_000,
    HALF,
    "2026-01-01",
    "2026-01-01T00:00",
    "ftp://x",
)
NESTED = (
    [],
    {},
    [None],
    [{}],
    [{"": 1}],
    ["x"] * 1_001,
    {"x" * 65: "x"},
    {str(each): 1 for each in range(65)},
)


def _kinds_of_faults() -> Iterator[str]:
    for model in _requests():
        for value in (*WRONG, *NESTED):
            bodies = (value, *({name: value} for name in (*model.model_fields, "unknown")))
            for body in (*bodies, *({name: [value]} for name in model.model_fields)):
                try:
                    TypeAdapter(model).validate_python(body)
                except ValidationError as error:
                    yield from (each["type"] for each in error.errors(include_context=False))


def test_whatever_can_be_wrong_with_a_field_has_words_of_ours() -> None:
    found = set(_kinds_of_faults())

    assert len(found) > 20
    assert found <= REQUEST_MESSAGES.keys()


def test_a_body_over_the_limit_is_refused_whether_it_announces_itself_or_not(web) -> None:
    big = b'"' + b"x" * 20_000 + b'"'
    headers = {"Content-Type": "application/json"}
    _check(web.client.post("/api/v1/datasets", content=big, headers=headers), 413, "TOO_LARGE")
    chunks = (big[at : at + 1000] for at in range(0, len(big), 1000))
    _check(web.client.post("/api/v1/datasets", content=chunks, headers=headers), 413, "TOO_LARGE")


def test_a_mistake_of_ours_is_told_without_its_inside(web, monkeypatch, caplog) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr("datacenter.ledger.ledger.find_job", fail)
    response = web.client.get("/api/v1/jobs/1", headers={"X-Request-ID": "mine-1"})
    _check(response, 500, "INTERNAL")
    assert "canary" not in response.text
    assert response.headers["X-Request-ID"] == "mine-1"
    assert "mine-1" in caplog.text


def test_every_answer_carries_an_id_and_forbids_guessing_its_type(web) -> None:
    for path in ("/healthz", "/nowhere", "/api/v1/datasets"):
        response = web.client.get(path, headers={"X-Request-ID": "bad id\twith spaces"})
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert " " not in response.headers["X-Request-ID"]


def test_a_name_that_is_taken_is_a_conflict(web) -> None:
    assert web.client.post("/api/v1/datasets", json=web.new_dataset("twice")).status_code == 202
    _check(web.client.post("/api/v1/datasets", json=web.new_dataset("twice")), 409, "NAME_TAKEN")


def test_a_link_that_nobody_signed_is_refused(web) -> None:
    _check(httpx.get(f"{web.url}/d/forged"), 403, "LINK_INVALID")


@pytest.mark.parametrize(
    "error",
    [RuntimeError(), StorageUnavailable("away"), OperationalError("SELECT", {}, Exception())],
)
def test_the_log_names_the_route_and_the_request_and_never_the_link(web, monkeypatch, caplog, error) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("datacenter.datasets.archives.downloads.resolve", fail)
    response = httpx.get(f"{web.url}/d/canary%0Aforged", headers={"X-Request-ID": "mine-2"})
    assert response.status_code >= 500
    assert "canary" not in caplog.text
    assert "forged" not in caplog.text
    assert "request_id='mine-2'" in caplog.text
    assert "method='GET' route='/d/{token}'" in caplog.text


UPLOADED = {"name": "x", "source": {"upload": "1"}}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("exports", {"datasets": [{"id": "x", "version": 10**20}]}, "datasets.0.version"),
        ("exports", {"datasets": [{"id": HALF}]}, "datasets.0.id"),
        ("exports", {"datasets": [{"id": "x"}], "storage": HALF}, "storage"),
        ("exports", {"datasets": [{"id": "x"}], "labels": {"any": [HALF]}}, "labels.any.0"),
        ("exports", {"datasets": [{"id": "x"}], "archive": HALF}, "archive"),
        ("datasets/x/downloads", {"expires_in": 10**15}, "expires_in"),
        ("datasets", {**UPLOADED, "not_before": "9999-12-31T23:59:59-10:00"}, "not_before"),
        ("datasets", {**UPLOADED, "not_before": "0001-01-01T00:00:00+10:00"}, "not_before"),
        ("datasets", {**UPLOADED, "not_before": HALF}, "not_before"),
        ("datasets", {**UPLOADED, "after": [HALF]}, "after.0"),
        ("datasets", {**UPLOADED, "notify": [{"url": f"http://x/{HALF}"}]}, "notify.0.url"),
        ("datasets", {**UPLOADED, "name": HALF}, "name"),
        ("datasets", {**UPLOADED, "storage": HALF}, "storage"),
        ("datasets", {**UPLOADED, "label_format": HALF}, "label_format"),
        ("datasets", {**UPLOADED, "name_encoding": HALF}, "name_encoding"),
        ("datasets", {**UPLOADED, "description": HALF}, "description"),
        ("datasets", {**UPLOADED, "tags": [HALF]}, "tags.0"),
        ("datasets", {**UPLOADED, HALF: 1}, "body"),
        ("datasets", {"name": "x", "source": {"upload": HALF}}, "source.upload"),
        ("datasets", {"name": "x", "source": {"storage": HALF, "key": "x"}}, "source.storage"),
        ("datasets", {"name": "x", "source": {"storage": "x", "key": HALF}}, "source.key"),
        ("datasets", {"name": "x", "source": {"storage": "x", "prefix": HALF}}, "source.prefix"),
        ("datasets", {"name": "x", "source": {"storage": "x", "table": HALF}}, "source.table"),
        ("datasets", {"name": "x", "source": {"storage": "x", "query": HALF}}, "source.query"),
        ("datasets/x/labels", {"select": {"paths": [HALF]}, "add": ["a"]}, "select.paths.0"),
        ("datasets/x/labels", {"select": {"prefix": HALF}, "add": ["a"]}, "select.prefix"),
        ("datasets/x/labels", {"select": {"prefix": "x"}, "add": [HALF]}, "add.0"),
    ],
)
def test_a_value_beyond_what_can_be_kept_names_its_field(web, path: str, body, field: str) -> None:
    response = web.client.post(
        f"/api/v1/{path}", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    problem = _check(response, 422, "INVALID")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_version_that_no_database_can_hold_is_refused(web) -> None:
    for path in ("files", "files/a", "manifest"):
        response = web.client.get(f"/api/v1/datasets/1/{path}?version=99999999999999999999")
        assert _check(response, 422, "INVALID")["errors"][0]["field"] == "version"


@pytest.mark.parametrize("label", ["", "  ", "é" * 128, "a\u2028b", "a\nb", "\x7f"])
def test_a_label_that_an_import_would_refuse_is_refused(web, label: str) -> None:
    body = {"select": {"prefix": ""}, "add": [label]}
    problem = _check(web.client.post("/api/v1/datasets/x/labels", json=body), 422, "INVALID")
    assert problem["errors"][0]["field"] == "add.0"


def test_a_label_is_stripped_as_an_import_strips_it() -> None:
    change = LabelChange.model_validate({"select": {"labels": [" a"]}, "add": ["\u3000猫 "]})
    assert (change.select.labels, change.add) == (["a"], ["猫"])
