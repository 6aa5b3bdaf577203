"""Commands: what they print, for people and for programs, and the exit codes they promise."""

import os
import re
import socket

import pytest

from datacenter.formats.registry import FOLDERS, FORMATS

DATASET = {
    "id": "01a20000-0000-7000-8000-000000000001",
    "name": "digits",
    "state": "READY",
    "files": 1797,
    "size_bytes": 2019828,
    "labels": {"3": 183, "7": 179},
    "created_at": "2026-11-01T10:00:00Z",
}
JOB = {"id": "01a20000-0000-7000-8000-00000000000b", "kind": "import", "state": "SUCCESS"}
FAILED = {
    **JOB,
    "state": "FAILURE",
    "error": {"code": "CORRUPT", "message": "a checksum differs", "entry": "a\x1b.png", "retryable": False},
}


def test_a_list_is_a_table_for_people(run, server):
    server["GET /datasets"] = {"items": [DATASET], "next": None}

    shown = run("datasets", "list")

    assert shown.code == 0
    heading, row = shown.out.splitlines()
    assert heading.split() == ["NAME", "STATE", "FILES", "SIZE", "LABELS", "CREATED"]
    assert row.startswith("digits  READY  1,797  1.9 MiB  3, 7")


def test_a_list_is_one_json_document_for_programs(run, server):
    server["GET /datasets"] = {"items": [DATASET, DATASET], "next": None}

    shown = run("datasets", "list", "--json")

    assert [item["name"] for item in shown.json()] == ["digits", "digits"]
    assert shown.json()[0]["created_at"] == "2026-11-01T10:00:00Z"
    assert shown.err == ""


def test_an_empty_list_says_what_to_do_and_is_an_empty_array_for_programs(run, server):
    server["GET /datasets"] = {"items": [], "next": None}

    assert "datacenter datasets import NAME ARCHIVE" in run("datasets", "list").out
    assert run("datasets", "list", "--json").json() == []


@pytest.mark.parametrize(
    ("state", "shown"), [("STARTED", "99 %"), ("SUCCESS", "100 %"), ("REVOKED", "-"), ("FAILURE", "-")]
)
def test_a_list_shows_how_far_a_job_is_unless_it_ended_on_the_way(run, server, state, shown):
    progress = {"files_done": 1_000, "files_total": 1_000}
    job = {**JOB, "state": state, "progress": progress, "created_at": "2026-11-01T10:00:00Z"}
    server["GET /jobs"] = {"items": [job], "next": None}

    _, row = run("jobs", "list").out.splitlines()

    assert row.split(state)[1].strip().startswith(f"{shown} ")


def test_a_job_that_succeeds_exits_with_0(run, server):
    server[f"GET /jobs/{JOB['id']}"] = JOB

    assert run("jobs", "watch", JOB["id"]).code == 0


def test_a_job_that_fails_exits_with_1_and_says_why_in_two_lines(run, server):
    error = {**FAILED["error"], "code": "STORAGE_UNAVAILABLE", "retryable": True}
    server[f"GET /jobs/{JOB['id']}"] = {**FAILED, "dataset_ids": [DATASET["id"]], "error": error}

    ended = run("jobs", "watch", JOB["id"])

    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        "error: the import failed: STORAGE_UNAVAILABLE: a checksum differs (in a\\x1b.png)",
        f"to try again: datacenter jobs retry {JOB['id']}",
    ]


def test_an_export_that_must_fail_again_is_not_to_be_retried(run, server):
    error = {"code": "COLUMN_UNSUPPORTED", "message": "a list has no form in CSV", "retryable": False}
    server[f"GET /jobs/{JOB['id']}"] = {**FAILED, "kind": "export", "error": error}

    cure = run("jobs", "watch", JOB["id"]).err.splitlines()[-1]

    assert cure == "a retry would fail again; change the request"


@pytest.mark.parametrize("code", ["CORRUPT", "OBJECT_MISSING"])
def test_only_the_server_says_whether_a_retry_can_help(run, server, code):
    error = {"code": code, "message": "it is bad", "retryable": True}
    server[f"GET /jobs/{JOB['id']}"] = {**FAILED, "error": error}

    cure = run("jobs", "watch", JOB["id"]).err.splitlines()[-1]

    assert cure == f"to try again: datacenter jobs retry {JOB['id']}"


def test_an_older_server_does_not_say_and_a_retry_is_worth_a_try(run, server):
    server[f"GET /jobs/{JOB['id']}"] = {**FAILED, "error": {"code": "CORRUPT", "message": "it is bad"}}

    cure = run("jobs", "watch", JOB["id"]).err.splitlines()[-1]

    assert cure == f"to try again: datacenter jobs retry {JOB['id']}"


@pytest.mark.parametrize("code", ["CORRUPT", "OBJECT_MISSING", "A_CODE_OF_A_NEWER_SERVER"])
def test_an_import_of_bad_input_is_not_to_be_retried_but_done_anew(run, server, code):
    server[f"GET /jobs/{JOB['id']}"] = {
        **FAILED,
        "dataset_ids": [DATASET["id"]],
        "error": {"code": code, "message": "it is bad", "retryable": False},
    }
    server[f"GET /datasets/{DATASET['id']}"] = {**DATASET, "name": "my digits", "state": "FAILED"}

    ended = run("jobs", "watch", JOB["id"])

    assert ended.err.splitlines()[-1] == (
        "to try again: datacenter datasets delete 'my digits' --yes, then import again"
    )


def test_a_dataset_whose_import_failed_is_shown_with_the_reason(run, server):
    server["GET /datasets"] = {"items": [{**DATASET, "state": "FAILED"}], "next": None}
    server[f"GET /datasets/{DATASET['id']}"] = {**DATASET, "state": "FAILED"}
    server["GET /jobs"] = {"items": [FAILED], "next": None}

    shown = run("datasets", "show", DATASET["id"])

    assert shown.code == 0
    assert "CORRUPT: a checksum differs" in shown.out
    assert JOB["id"] in shown.out


@pytest.mark.parametrize("name", ["--all", "a\x1bb", None])
def test_a_dataset_whose_name_cannot_be_typed_is_called_by_its_id(run, server, name):
    server[f"GET /jobs/{JOB['id']}"] = {**FAILED, "dataset_ids": [DATASET["id"]]}
    if name is not None:
        server[f"GET /datasets/{DATASET['id']}"] = {**DATASET, "name": name}

    assert f"datasets delete {DATASET['id']} --yes" in run("jobs", "watch", JOB["id"]).err


def test_a_job_that_fails_is_in_the_json_too(run, server):
    server[f"GET /jobs/{JOB['id']}"] = FAILED

    ended = run("jobs", "watch", JOB["id"], "--json")

    assert ended.code == 1
    assert ended.json()["job"]["error"]["code"] == "CORRUPT"


@pytest.mark.parametrize(
    "arguments",
    [
        ("datasets", "nonsense"),
        ("datasets", "import", "digits"),
        ("datasets", "import", "digits", "a.zip", "--from", "nas", "--key", "b.zip"),
        ("datasets", "import", "digits", "--from", "nas"),
        ("datasets", "import", "digits", "/there/is/no/such.zip"),
        ("datasets", "label", "digits", "--prefix", ""),
        ("datasets", "label", "digits", "--add", "x"),
        ("datasets", "show", "nothing"),
        ("download",),
        ("jobs", "show", "nothing"),
    ],
)
def test_wrong_use_exits_with_2_and_never_with_a_traceback(run, server, arguments):
    server["GET /datasets"] = {"items": [], "next": None}

    ended = run(*arguments)

    assert ended.code == 2
    assert ended.err
    assert "Traceback" not in ended.err


def test_a_server_that_is_not_there_exits_with_3(run, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DATACENTER_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        ended = run("datasets", "list")

    assert ended.code == 3
    assert "Connection refused" in ended.err


def test_no_server_at_all_exits_with_3_and_says_how_to_start_one(run, monkeypatch, tmp_path):
    monkeypatch.delenv("DATACENTER_URL", raising=False)

    ended = run("--home", str(tmp_path), "datasets", "list")

    assert ended.code == 3
    assert "datacenter up" in ended.err


def test_a_home_with_a_running_data_centre_is_used_when_the_environment_names_none(
    run, server, monkeypatch, tmp_path
):
    (tmp_path / "url").write_text(os.environ["DATACENTER_URL"] + "\n")
    (tmp_path / "token").write_text("dc_secret\n")
    monkeypatch.delenv("DATACENTER_URL")
    monkeypatch.delenv("DATACENTER_TOKEN")
    server["GET /datasets"] = {"items": [DATASET], "next": None}

    assert "digits" in run("--home", str(tmp_path), "datasets", "list").out


def test_a_server_that_fails_exits_with_1(run, server):
    server["GET /storages"] = (500, {"code": "INTERNAL", "detail": "it broke"})

    ended = run("storages", "list", "--json")

    assert ended.code == 1
    assert ended.json() == {"error": {"code": "INTERNAL", "message": "it broke"}}


def test_a_refused_request_names_the_field(run, server):
    errors = [{"field": "labels.any", "reason": "is empty"}]
    server["GET /datasets"] = {"items": [DATASET], "next": None}
    server[f"GET /datasets/{DATASET['id']}"] = DATASET
    server["POST /exports/preview"] = (422, {"code": "INVALID", "detail": "wrong", "errors": errors})

    ended = run("export", "digits", "--preview")

    assert ended.code == 2
    assert ended.err == "error: labels.any: is empty (INVALID)\n"


def test_a_field_that_the_reason_names_too_is_named_once(run, server):
    errors = [{"field": "label_format", "reason": "label_format: 'coco' cannot be exported"}]
    server["GET /datasets"] = {"items": [DATASET], "next": None}
    server[f"GET /datasets/{DATASET['id']}"] = DATASET
    server["POST /exports"] = (422, {"code": "INVALID", "detail": "wrong", "errors": errors})

    ended = run("export", "digits", "--format", "coco")

    assert ended.err == "error: label_format: 'coco' cannot be exported (INVALID)\n"


@pytest.mark.parametrize(
    ("files", "options", "warning"),
    [
        (0, ("--label", "cat"), "warning: no file has these labels\n"),
        (0, ("--label", "cat", "--preview"), "warning: no file has these labels\n"),
        (1, ("--label", "cat"), ""),
        (0, (), ""),
        (0, ("--label", "cat", "--json"), ""),
        (0, ("--label", "cat", "--no-wait"), ""),
    ],
)
def test_an_export_by_labels_that_no_file_has_warns_and_exits_with_0(run, server, files, options, warning):
    export = {"id": "e1", "files": files, "size_bytes": 22}
    job = {**JOB, "kind": "export"}
    server["GET /datasets"] = {"items": [DATASET], "next": None}
    server[f"GET /datasets/{DATASET['id']}"] = DATASET
    server["POST /exports/preview"] = {"files": files, "size_bytes": 0}
    server["POST /exports"] = {"export": export, "job": {**job, "state": "PENDING"}}
    server["GET /exports/e1"] = export
    server[f"GET /jobs/{JOB['id']}"] = job

    ended = run("export", "digits", *options)

    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if "warning" in line] == warning.splitlines()


def test_what_the_server_would_refuse_is_refused_before_anything_is_uploaded(run, server, tmp_path):
    refused = {"code": "NAME_TAKEN", "detail": "name: there is a dataset named 'digits' already"}
    server["POST /datasets/preview"] = (409, refused)
    server["POST /uploads"] = (500, {"code": "UPLOADED", "detail": "it was uploaded"})
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"x")

    ended = run("datasets", "import", "digits", str(archive))

    assert ended.code == 2
    assert "there is a dataset named 'digits' already" in ended.err


@pytest.mark.parametrize("name", ["a [/] b", "[red]digits", "[link=x]"])
def test_a_name_with_brackets_is_printed_as_it_is(run, server, name):
    server["POST /datasets"] = {"dataset": {**DATASET, "name": name}, "job": JOB}
    server[f"GET /jobs/{JOB['id']}"] = JOB
    server[f"GET /datasets/{DATASET['id']}"] = {**DATASET, "name": name}

    ended = run("datasets", "import", name, "--from", "nas", "--prefix", "x/")

    assert ended.code == 0
    assert f"imported {name}: 1,797 files" in ended.out


def test_a_server_on_this_machine_is_reached_although_the_environment_names_a_proxy(run, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server["GET /datasets"] = {"items": [DATASET], "next": None}

    assert run("datasets", "list").code == 0


@pytest.mark.parametrize("target", ["missing/x.zip", "."])
@pytest.mark.parametrize("command", [("export", "digits"), ("download", "digits")])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_asked_for(
    run, server, monkeypatch, tmp_path, command, target
):
    monkeypatch.setenv("DATACENTER_URL", "http://127.0.0.1:1")  # no server is there, and none is called

    ended = run(*command, "-o", str(tmp_path / target))

    assert ended.code == 2
    assert "directory" in ended.err


def test_a_broken_upload_is_not_resumed_with_another_file(run, server, tmp_path):
    server["GET /datasets"] = {"items": [], "next": None}
    server["HEAD /uploads/u1"] = {"Upload-Offset": "1", "Upload-Length": "1000"}
    archive = tmp_path / "other.zip"
    archive.write_bytes(b"x")

    ended = run("datasets", "import", "digits", str(archive), "--resume", "u1")

    assert ended.code == 2
    assert "was begun with a file of 1000 bytes" in ended.err


@pytest.mark.parametrize(
    ("command", "option", "working"),
    [
        (("datasets", "import"), "The format of the labels", {FOLDERS, *FORMATS}),
        (("export",), "How labels are written", set(FORMATS)),
    ],
)
def test_the_help_offers_the_label_formats_that_work(run, command, option, working):
    shown = re.sub(r"[\s│]+", " ", run(*command, "--help").out)

    assert set(re.findall(option + r": ([^.;]*)", shown)[0].split(", ")) == working
