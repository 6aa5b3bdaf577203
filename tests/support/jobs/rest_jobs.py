"""Starts jobs over REST on a running data centre, and waits for their results."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datacenter.client import Client, Dataset, Job

PATIENCE_SECONDS = 15


def archive_of(files: Mapping[str, str | bytes], path: Path) -> Path:
    """A zip of these files at the path."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def start_import(client: Client, path: Path, name: str, **options: object) -> tuple[Dataset, Job]:
    return client.datasets.create(name, {"upload": client.uploads.send(path)}, options=options)


def link_of(client: Client, job: Job) -> str:
    ended = client.jobs.wait(job)
    assert ended.state == "SUCCESS", ended
    url = client.downloads.of_job(ended).url
    assert url is not None
    return url


def eventually(condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def run(centre: Any, *arguments: str) -> str:
    """The output of `datacenter …` on a running data centre."""
    environment = {
        **centre.environment,
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "datacenter.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_under(folder: Path) -> list[str]:
    """Names of files; a walk passes over what is removed at the same time."""
    return [name for _, _, names in os.walk(folder) for name in names]
