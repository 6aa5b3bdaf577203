"""A real `datacenter serve` on SQLite and a directory, with tokens; attacked by raw sockets, measured from outside."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import create_token
from datacenter.cli.embedded.readiness import free_port
from datacenter.database.engine import Database
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

MIB = 1 << 20
START_SECONDS = 60
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True, kw_only=True)
class WebProcess:
    """A running web process."""

    port: int
    pid: int
    database: DatabaseSettings
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, project: str = "default", **rights: Any) -> str:
        """A new token of a project."""
        database = Database(self.database)
        with database.transaction() as session:
            secret = create_token(session, ensure_project(session, project).id, "test", **rights)[1]
        database.close()
        return secret

    def client(self, token: str | None = None, *, address: str | None = None) -> httpx.Client:
        """A client with this token, which calls from this loopback address."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(local_address=address, retries=1)
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, transport=transport)

    def connect(self, address: str = "127.0.0.1", *, timeout: float = 30) -> socket.socket:
        """A connection from this loopback address."""
        return socket.create_connection(("127.0.0.1", self.port), timeout, source_address=(address, 0))

    def resident_bytes(self) -> int:
        """The memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) << 10

    def peak_bytes(self) -> int:
        """The most memory that the process has ever had, or had since `forget_peak`."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def forget_peak(self) -> None:
        """Measure the peak anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextmanager
def web_process(home: Path, **settings: str) -> Iterator[WebProcess]:
    """Serve from an empty home; settings are given as `WEB__BUFFER_BYTES="…"`."""
    port = free_port("127.0.0.1", 0)
    (home / "storage").mkdir()
    database = DatabaseSettings(url=f"sqlite:///{home}/test.db")
    migrate(database)
    own = {
        "DATABASE__URL": database.url,
        "BROKER__URL": "memory://",
        "WEB__PORT": str(port),
        "WEB__SECRET_KEY": "s" * 32,
        "STORAGES__DEFAULT__KIND": "nas",
        "STORAGES__DEFAULT__URL": f"nas://{home}/storage",
        **settings,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATACENTER_")}
    environment |= {f"DATACENTER__{name}": value for name, value in own.items()}
    log = home / "web.log"
    command = [sys.executable, "-m", "datacenter.cli", "serve"]
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
        try:
            served = WebProcess(port=port, pid=process.pid, database=database, log=log)
            _wait_for(served, process)
            yield served
        finally:
            process.kill()


def _wait_for(served: WebProcess, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{served.url}/readyz", trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(served.log.read_text())


def send_all(connection: socket.socket, pieces: Iterable[bytes]) -> int:
    """Send until all is sent, or the server has closed the connection; how many bytes went."""
    sent = 0
    for piece in pieces:
        try:
            connection.sendall(piece)
        except OSError:
            break
        sent += len(piece)
    return sent


def answer_of(connection: socket.socket) -> bytes:
    """What the server says until it closes the connection; nothing if it was reset."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            received += data
    return received
