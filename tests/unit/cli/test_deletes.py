"""`datacenter datasets delete`: a person confirms, a program uses --yes, and nothing else deletes."""

import sys

import pytest

DATASET = {"id": "d1", "name": "digits", "state": "READY", "files": 3, "size_bytes": 9}
JOB = {"id": "j1", "kind": "delete", "state": "PENDING"}


@pytest.fixture
def deletable(server):
    """A server whose dataset can be deleted."""
    server["GET /datasets"] = {"items": [DATASET], "next": None}
    server["GET /datasets/d1"] = DATASET
    server["DELETE /datasets/d1"] = (202, {"job": JOB})
    return server


@pytest.fixture
def undeletable(deletable):
    """A server that fails on a delete."""
    deletable["DELETE /datasets/d1"] = (500, {"code": "ASKED", "detail": "a delete was asked for"})
    return deletable


@pytest.mark.parametrize("terminals", [(), ("stdin",), ("stdout",)])
def test_where_nobody_can_be_asked_nothing_is_deleted_without_yes(run, undeletable, monkeypatch, terminals):
    for name in terminals:
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True)

    ended = run("datasets", "delete", "digits", "--no-wait")

    assert ended.code == 2
    assert ended.err.splitlines() == [
        "error: a delete needs confirmation, and there is no terminal to ask",
        "confirm with --yes",
    ]


def test_a_program_that_reads_json_is_never_asked(run, undeletable, monkeypatch):
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)

    ended = run("datasets", "delete", "digits", "--no-wait", "--json")

    assert ended.code == 2
    assert ended.json()["error"]["code"] == "WrongUse"


def test_a_delete_by_a_program_with_yes_asks_nothing_and_tells_the_job(run, deletable):
    ended = run("datasets", "delete", "digits", "--yes", "--no-wait", "--json")

    assert ended.json()["job"]["kind"] == "delete"


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
def test_a_person_is_asked_and_the_answer_counts(run, deletable, monkeypatch, answer, code):
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    questions = []

    def confirm(question, *, abort):
        questions.append(question)
        if not answer:
            raise SystemExit(1)

    monkeypatch.setattr("typer.confirm", confirm)

    ended = run("datasets", "delete", "digits", "--no-wait")

    assert ended.code == code
    assert questions == ["Delete digits (3 files, 9 B)?"]
