"""Other archive programs, and what they print about our archives."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKS = {
    "zip": (["unzip", "-tqq"], ["7z", "t", "-bd"], ["bsdtar", "-tf"]),
    "tar": (["tar", "-tf"], ["7z", "t", "-bd"], ["bsdtar", "-tf"]),
}
"""Commands that read a whole archive, by its suffix; the archive is their last argument."""


def checked_by(command: list[str], archive: Path) -> str:
    """The output of the program, which must find no fault in the archive."""
    if shutil.which(command[0]) is None:
        # `make test-real` installs it; a person's machine need not have it.
        assert os.environ.get("CI") != "true", f"{command[0]} is not installed"
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [*command, str(archive)],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return done.stdout
