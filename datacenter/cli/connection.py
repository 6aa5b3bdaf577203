"""Which server a command speaks to: the one the environment names, else the one that `datacenter up` runs."""

import os
from pathlib import Path
from typing import ClassVar

import typer

from datacenter.cli.errors import CommandFailed, ExitCode
from datacenter.client import Client, Patience

DEFAULT_HOME = Path("~/.datacenter")
PATIENCE = Patience(repeats=3)
"""About one and a half seconds: a person waits for the answer."""


class NoServer(CommandFailed):
    """There is no server to speak to."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE


def connect(context: typer.Context) -> Client:
    """A client of the server that this command is for."""
    url = os.environ.get("DATACENTER_URL", "")
    token = os.environ.get("DATACENTER_TOKEN", "")
    home = Path(context.obj).expanduser()
    if not url:
        url = _read(home / "url")
        token = token or _read(home / "token")
    if not url:
        raise NoServer(
            f"no data centre is running in {home}, and DATACENTER_URL names none",
            cure="start one with `datacenter up`, or set DATACENTER_URL and DATACENTER_TOKEN",
        )
    return Client(url, token, patience=PATIENCE)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
