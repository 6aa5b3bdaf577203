"""Starts the processes of an embedded data centre in order, restarts those that die, and stops all in order."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

from datacenter.cli.embedded import valkey
from datacenter.cli.embedded.child import Child
from datacenter.cli.embedded.home import Home
from datacenter.cli.errors import CommandFailed
from datacenter.ledger.states import JobKind


class Tail:
    """New whole lines of a growing file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def lines(self) -> Iterator[str]:
        """The lines that were finished since the last call."""
        if not self._path.exists():
            return
        if self._path.stat().st_size < self._offset:
            self._offset = 0  # the log was rotated
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield line.decode(errors="replace").rstrip("\n")


READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
LAST_LINES = 12
Say = Callable[[str], None]


class Centre:
    """Web, worker, scheduler and (unless the settings name another one) the broker."""

    def __init__(
        self, home: Home, *, socket: Path | None, metrics_port: int, say: Say, verbose: bool
    ) -> None:
        """`socket` is where the embedded broker listens; None when there is none. `say` prints a line.

        The worker serves metrics on the port of the settings; the scheduler, on the same machine, on the next one.
        """
        python = [sys.executable, "-m"]
        self._home = home
        self._say = say
        self._socket = socket
        self._broker = self._child("valkey", valkey.command(home, socket)) if socket else None
        self._parts = (
            self._child("web", [*python, "datacenter.cli", "serve"]),
            self._child("worker", [*python, "jobs.worker", "--queues", ",".join(JobKind)]),
            self._child("scheduler", [*python, "jobs.scheduler"], _next_port(metrics_port)),
        )
        self._tails = {child.name: Tail(child.log) for child in self._children()} if verbose else {}

    def start(self, url: str, stopping: Callable[[], bool]) -> bool:
        """Start everything and wait until the web layer is ready; False when it was stopped before that.

        Raises:
            CommandFailed: a process does not start; the end of its log is in the error.
        """
        if self._broker is not None and self._socket is not None:
            socket = self._socket
            socket.unlink(missing_ok=True)
            self._broker.start()
            if not self._until(lambda: valkey.answers(socket), stopping, self._broker):
                return False
        for child in self._parts:
            child.start()
        self._write_processes()
        return self._until(lambda: self._all_run() and _is_ready(url), stopping, self._parts[0])

    def supervise(self, stopping: Callable[[], bool]) -> None:
        """Restart every process that dies, until it is time to stop.

        Raises:
            CommandFailed: a process keeps dying.
        """
        while not stopping():
            self._restart_dead()
            time.sleep(POLL_SECONDS)

    def stop(self, hurried: Callable[[], bool]) -> None:
        """Web first, so that nothing new comes in; the broker last. Nothing runs afterwards, whatever happens here."""
        with ExitStack() as stack:
            for child in reversed(self._children()):  # the stack unwinds from its end
                stack.callback(child.stop, STOP_SECONDS, hurried)
        self._show_logs()

    def _child(self, name: str, command: list[str], settings: Mapping[str, str] | None = None) -> Child:
        return Child(name, command, self._home.log(name), environment={**os.environ, **(settings or {})})

    def _children(self) -> tuple[Child, ...]:
        return (*self._parts, self._broker) if self._broker else self._parts

    def _all_run(self) -> bool:
        return all(child.pid is not None for child in self._children())

    def _until(self, ready: Callable[[], bool], stopping: Callable[[], bool], child: Child) -> bool:
        end = time.monotonic() + READY_SECONDS
        while not ready():
            if stopping():
                return False
            self._restart_dead()
            if time.monotonic() > end:
                raise _failure(child, f"did not become ready within {READY_SECONDS:.0f} seconds")
            time.sleep(POLL_SECONDS)
        return True

    def _restart_dead(self) -> None:
        for child in self._children():
            status = child.died()
            if status is not None:
                self._show_logs()
                if child.keeps_dying():
                    raise _failure(child, "keeps dying")
                self._say(f"{child.name} died ({_reason(status)}) and is restarted; see {child.log}")
            elif child.due():
                child.start()
                self._write_processes()
        self._show_logs()

    def _write_processes(self) -> None:
        self._home.write_processes(
            {child.name: child.pid for child in self._children() if child.pid is not None}
        )

    def _show_logs(self) -> None:
        for name, tail in self._tails.items():
            for line in tail.lines():
                self._say(f"{name:>9} | {line}")


def _next_port(port: int) -> dict[str, str]:
    return {"DATACENTER__METRICS__PORT": str(port + 1)} if port else {}


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _reason(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def _failure(child: Child, what: str) -> CommandFailed:
    lines = "\n".join(f"  {line}" for line in child.last_lines(LAST_LINES))
    return CommandFailed(f"{child.name} {what}; its log ends with:\n{lines}", cure=f"read {child.log}")
