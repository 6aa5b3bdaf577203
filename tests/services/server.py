"""A private server for tests: its own directory, a free port on loopback, and a stop in every case."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

SERVER_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/lib/rabbitmq/bin")
"""Where Debian puts servers, which is not on every user's PATH."""

LAST_WILL = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()
"""Linux ends a process started so when its parent is killed outright and cannot stop it any more."""


class ServerFailed(Exception):
    """The server did not become ready; the message ends with the last lines of its log."""


class Server(ABC):
    """One server as a context: ready inside, stopped afterwards; the caller removes its directory."""

    name: ClassVar[str]
    programs: ClassVar[Sequence[str]]
    """What must be installed."""
    start_seconds: ClassVar[float] = 30
    stop_seconds: ClassVar[float] = 20

    def __init__(self, directory: Path) -> None:
        self.directory = directory / self.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client connects to."""

    @abstractmethod
    def launch(self) -> None:
        """Start the processes with `spawn`."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether a client would be served now."""

    def prepare(self) -> None:
        """Make the ready server fit for the tests."""
        return

    def spawn(self, *command: str, env: Mapping[str, str] | None = None) -> None:
        """Start a process in a group of its own, its output in the log of the server."""
        with self.log_path.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [*LAST_WILL, program_path(command[0]), *command[1:]],
                    cwd=self.directory,
                    env=dict(env) if env is not None else None,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    @property
    def log_path(self) -> Path:
        """Where the output of the server goes."""
        return self.directory / "log"

    def __enter__(self) -> Self:
        try:
            self.launch()
            self._wait_until_ready()
            self.prepare()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            ended = any(process.poll() is not None for process in self._processes)
            if ended or time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} {'ended' if ended else 'is not ready'}:\n{self._log_tail()}")
            time.sleep(0.05)

    def _log_tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        return "\n".join(lines[-20:])

    def stop(self) -> None:
        """End the processes, the last one first, and the rest of their groups; may be repeated."""
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self.stop_seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def program_path(name: str) -> str:
    """Where a program is. Raises FileNotFoundError if it is not installed."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *SERVER_DIRECTORIES)))
    if path is None:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, question: bytes, expected: bytes) -> bool:
    """Whether a server on this port answers as expected; every failure to connect is a no."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(question)
            return connection.recv(len(expected)) == expected
    except OSError:
        return False
