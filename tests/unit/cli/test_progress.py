"""Progress of long work without a terminal."""

import io

import pytest
from rich.console import Console

from datacenter.cli.progress import LineMeter
from datacenter.client import Job, Progress


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [(0, 1, "0/1 file"), (1, 1, "1/1 file"), (1, 2, "1/2 files"), (1, None, "1 file"), (3, None, "3 files")],
)
def test_one_file_is_told_as_one(done: int, total: int | None, shown: str) -> None:
    lines = io.StringIO()
    progress = Progress(phase="importing", files_done=done, files_total=total)

    LineMeter(Console(file=lines)).job(Job(id="1", kind="import", state="STARTED", progress=progress))

    assert lines.getvalue() == f"importing: {shown}\n"
