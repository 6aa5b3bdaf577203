"""`datacenter download` and `export -o`: which files are replaced, and which never are."""

import os
from pathlib import Path

import pytest

from datacenter.client import Patience

DATASET = {"id": "d1", "name": "digits", "state": "READY", "files": 1, "size_bytes": 9}
DOWNLOAD = {"id": "j1", "kind": "download", "state": "SUCCESS", "result": {"download": {"id": "w1"}}}
EXPORT = {"id": "e1", "state": "READY", "files": 1, "size_bytes": 9, "filename": "digits.zip", "job_id": "j2"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def archive(server):
    """A server that has a dataset and an export, whose archives are downloaded at once."""
    server["GET /datasets"] = {"items": [DATASET], "next": None}
    server["GET /datasets/d1"] = DATASET
    server["GET /exports/e1"] = EXPORT
    server["POST /exports"] = {"export": EXPORT, "job": {"id": "j2", "kind": "export", "state": "SUCCESS"}}
    server["GET /jobs/j2"] = {"id": "j2", "kind": "export", "state": "SUCCESS"}
    server["POST /datasets/d1/downloads"] = server["POST /exports/e1/downloads"] = {"job": DOWNLOAD}
    server["GET /jobs/j1"] = DOWNLOAD
    url = f"{os.environ['DATACENTER_URL']}/d/link"
    server["GET /downloads/w1"] = {"id": "w1", "url": url, "filename": "digits.zip"}
    server["GET /d/link"] = {"a": 1}
    return server


@pytest.mark.parametrize("what", [("digits",), ("--export", "e1")])
def test_a_file_of_the_archives_own_name_is_kept_and_nothing_is_asked_for(run, archive, here, what):
    (here / "digits.zip").write_text("mine")
    del archive["POST /datasets/d1/downloads"], archive["POST /exports/e1/downloads"]

    ended = run("download", *what)

    assert ended.code == 2
    assert ended.err.splitlines() == [
        "error: digits.zip already exists",
        "give another file with -o FILE, or remove this one",
    ]
    assert (here / "digits.zip").read_text() == "mine"


def test_the_name_that_the_server_gives_in_the_end_replaces_nothing_either(run, archive, here):
    archive["GET /downloads/w1"]["filename"] = "other.zip"
    (here / "other.zip").write_text("mine")

    assert run("download", "digits").code == 2
    assert (here / "other.zip").read_text() == "mine"


def test_what_a_broken_download_left_is_no_file_of_that_name(run, archive, here):
    (here / "digits.zip.part").write_text("{")

    ended = run("download", "digits")

    assert (ended.code, ended.out) == (0, "downloaded digits.zip: 8 B\n")


def test_a_link_needs_no_file_and_refuses_none(run, archive, here):
    (here / "digits.zip").write_text("mine")

    assert run("download", "digits", "--link").out.endswith("/d/link\n")


@pytest.mark.parametrize("command", [("download", "digits"), ("export", "digits")])
def test_a_file_that_was_named_is_replaced_and_the_command_says_so(run, archive, here, command):
    first, second = (run(*command, "-o", "mine.zip") for _ in range(2))

    assert "replaced" not in first.out
    assert "mine.zip (replaced): " in second.out


def test_a_broken_transfer_of_an_export_goes_on_by_a_download_of_it(run, archive, here, monkeypatch):
    monkeypatch.setattr("datacenter.cli.connection.PATIENCE", Patience(repeats=0, repeats_under_way=0))
    archive["GET /d/link"] = (503, {})

    ended = run("export", "digits", "-o", "mine.zip")

    assert ended.code == 1
    assert "the host answered HTTP 503; the bytes that arrived are kept in mine.zip.part" in ended.err
    assert ended.err.splitlines()[-1] == "resume with: datacenter download --export e1 -o mine.zip"


def test_a_format_of_tables_is_told_to_change_nothing_where_there_is_no_table(run, archive, here):
    warning = "warning: none of the datasets is a table; --table-format has no effect"

    assert warning in run("export", "digits", "--table-format", "csv").err
    archive["GET /datasets/d1"] = {**DATASET, "kind": "table"}
    assert warning not in run("export", "digits", "--table-format", "csv").err
