"""The command line against a real data centre: one dataset all the way, and what programs rely on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from functools import partial
from pathlib import Path

import pytest

PICTURES = {
    f"{label}/图片-{number}.png": f"{label}{number}".encode() * 50
    for label in ("猫", "dog")
    for number in range(20)
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in PICTURES.items():
            file.writestr(name, data)
    return path


@pytest.fixture
def name() -> str:
    return f"pictures-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def command(centre, tmp_path):
    """Runs `datacenter …` in its own directory."""

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "datacenter.cli", *arguments],
            cwd=tmp_path,
            env={
                **centre.environment,
                "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_one_dataset_all_the_way(command, archive, name, tmp_path):
    imported = json.loads(command("datasets", "import", name, str(archive), "--json"))
    assert imported["job"]["state"] == "SUCCESS"
    assert imported["dataset"]["labels"] == {"猫": 20, "dog": 20}

    files = json.loads(command("datasets", "files", name, "--label", "猫", "--json"))
    assert [file["path"] for file in files] == sorted(path for path in PICTURES if path.startswith("猫"))

    command(
        "datasets", "label", name, "--add", "first", "--path", "dog/图片-0.png", "--path", "猫/图片-0.png"
    )
    assert json.loads(command("datasets", "show", name, "--json"))["version"] == 2

    command("export", name, "--label", "first", "-o", "first.zip")
    with zipfile.ZipFile(tmp_path / "first.zip") as exported:
        assert exported.read("猫/图片-0.png") == PICTURES["猫/图片-0.png"]
        assert {entry for entry in exported.namelist() if entry.endswith(".png")} == {
            "dog/图片-0.png",
            "猫/图片-0.png",
        }

    command("download", name, "--delivery", "stream", "-o", "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as downloaded:
        assert {path: downloaded.read(path) for path in PICTURES} == PICTURES

    assert f"deleted {name} (40 files" in command("datasets", "delete", name, "--yes")
    assert f"there is no dataset named '{name}'" in command("datasets", "show", name, code=2)


def test_a_prefix_of_a_storage_is_imported(centre, command, name):
    for path, data in PICTURES.items():
        file = centre.inbox / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    output = command("datasets", "import", name, "--from", "inbox", "--prefix", name)

    assert f"imported {name}: 40 files" in output
    files = json.loads(command("datasets", "files", name, "--json"))
    assert [file["path"] for file in files] == sorted(PICTURES)
    command("download", name, "-o", "all.zip")
    command("datasets", "delete", name, "--yes")


def test_a_prefix_without_objects_fails_with_1_and_its_code(command, name):
    refused = command("datasets", "import", name, "--from", "inbox", "--prefix", f"{name}/", code=1)

    assert "NOTHING_TO_IMPORT" in refused
    command("datasets", "delete", name, "--yes")
    assert "source.prefix" in command(
        "datasets", "import", name, "--from", "inbox", "--prefix", "uploads/", code=2
    )


def test_a_delete_with_grace_can_be_taken_back(command, archive, name):
    command("datasets", "import", name, str(archive))
    command("datasets", "delete", name, "--yes", "--grace-seconds", "600")
    command("datasets", "show", name, code=2)

    command("datasets", "restore", name)

    assert json.loads(command("datasets", "show", name, "--json"))["files"] == len(PICTURES)
    command("datasets", "delete", name, "--yes")


def test_an_archive_that_is_none_fails_with_1_and_its_code(command, name, tmp_path):
    (tmp_path / "no.zip").write_bytes(b"this is no archive")

    assert "BAD_ARCHIVE" in command("datasets", "import", name, "no.zip", code=1)

    [job] = json.loads(command("jobs", "list", "--dataset", name, "--json"))
    assert job["error"]["code"] == "BAD_ARCHIVE"
    command("datasets", "delete", name, "--yes")


def test_an_upload_ended_by_ctrl_c_goes_on_where_it_was(centre, command, name, tmp_path):
    large = tmp_path / "large.zip"
    data = os.urandom(1 << 20)
    with zipfile.ZipFile(large, "w") as file:
        for number in range(160):
            file.writestr(f"a/{number}.bin", data)
    begun = subprocess.Popen(
        [sys.executable, "-m", "datacenter.cli", "datasets", "import", name, str(large)],
        env=centre.environment,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background makes them inherit an ignored Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    first_line = begun.stderr.readline()
    begun.send_signal(signal.SIGINT)
    message = first_line + begun.communicate(timeout=60)[1]
    assert begun.returncode == 130, message
    resume = re.search(r"--resume (\S+)", message)
    assert resume, message
    time.sleep(0.2)

    imported = json.loads(command("datasets", "import", name, str(large), "--resume", resume[1], "--json"))

    assert imported["dataset"]["files"] == 160
    command("datasets", "delete", name, "--yes")
