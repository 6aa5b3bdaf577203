"""Programs with a single command print their help as `datacenter` does."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["jobs.worker", "jobs.scheduler"])
def test_help_has_a_short_name_too(module: str) -> None:
    asked = subprocess.run([sys.executable, "-m", module, "-h"], capture_output=True, text=True, check=False)

    assert (asked.returncode, asked.stderr) == (0, "")
    assert "--config" in asked.stdout
