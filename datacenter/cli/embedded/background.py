"""A `datacenter up` that runs beside a program: the demonstration, a notebook, the acceptance tests."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from datacenter.cli.embedded.child import Child
from datacenter.cli.embedded.home import Home
from datacenter.cli.errors import CommandFailed
from datacenter.client import Client
from datacenter.settings.model import CONFIG_VARIABLE

READY_SECONDS = 90.0
STOP_SECONDS = 150.0
"""Longer than `up` itself waits for its processes, one after the other."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Running:
    """A data centre that is up."""

    home: Home
    url: str
    token: str

    def client(self) -> Client:
        """A new client of it."""
        return Client(self.url, self.token)

    def processes(self) -> dict[str, int]:
        """The process ids by name: web, worker, scheduler, valkey. A restarted process has a new id."""
        found: dict[str, int] = json.loads(self.home.processes_file.read_text())
        return found

    def environment(self) -> dict[str, str]:
        """The environment with which the CLI uses it."""
        return {**os.environ, "DATACENTER_URL": self.url, "DATACENTER_TOKEN": self.token}


@contextmanager
def running(home: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a data centre in `home` on a free port; `settings` are `DATACENTER__*` variables. It is down afterwards.

    If this process is killed, the data centre ends too.

    Raises:
        CommandFailed: it does not start; its output is in the error.
    """
    place = Home.at(home)
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.remove_run_files()  # the files of a killed run would be mistaken for those of this one
    command = [sys.executable, "-m", "datacenter.cli", "up", "--home", str(place.root), "--port", "0"]
    up = Child("up", command, place.root / "up.log", environment={**os.environ, **(settings or {})})
    up.start()
    try:
        yield _wait_for(place, up)
    finally:
        up.stop(STOP_SECONDS, hurried=lambda: False)


def left_running(home: Home) -> list[int]:
    """The processes that still work with this home; after `running` there are none. Linux only: elsewhere always empty."""
    mark = f"{CONFIG_VARIABLE}={home.config}".encode()
    return sorted(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/environ")
        if mark in _read(path).split(b"\0")
    )


def _wait_for(home: Home, up: Child) -> Running:
    end = time.monotonic() + READY_SECONDS
    while not home.url_file.exists() or not home.url_file.read_text().endswith("\n"):
        if up.died() is not None or time.monotonic() > end:
            raise CommandFailed("the data centre did not start:\n" + "\n".join(up.last_lines(20)))
        time.sleep(POLL_SECONDS)
    return Running(
        home=home, url=home.url_file.read_text().strip(), token=home.token_file.read_text().strip()
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
