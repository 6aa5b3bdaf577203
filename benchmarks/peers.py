"""Peers: other programs, run and timed with their own defaults."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measured import Cost


def is_installed(program: str) -> bool:
    """Whether the program is installed."""
    return shutil.which(program) is not None


def run(*commands: Sequence[str | Path], cwd: Path, environment: Mapping[str, str] | None = None) -> Cost:
    """Run commands one after the other in `cwd`, timed together; `environment` is added to ours.

    Raises: CalledProcessError.
    """
    surrounding = os.environ | (environment or {})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    for command in commands:
        words = [os.fspath(word) for word in command]
        subprocess.run(words, cwd=cwd, env=surrounding, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(seconds=seconds, client_cpu_seconds=used)
