"""Which server or database a command works on: from the environment, else from the home of `datacenter up`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import typer

from datacenter.cli.errors import CommandFailed, ExitCode, WrongUse
from datacenter.client import Client, Patience

if TYPE_CHECKING:
    from datacenter.cli.embedded.home import Home
    from datacenter.settings.model import Settings

URL_VARIABLE = "DATACENTER__DATABASE__URL"
PATIENCE = Patience(repeats=3)
"""About one and a half seconds: a person waits for the answer."""


class NoServer(CommandFailed):
    """No server is running or named."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE


def connect(context: typer.Context) -> Client:
    """A client of the server that this command works on."""
    url = os.environ.get("DATACENTER_URL", "")
    token = os.environ.get("DATACENTER_TOKEN", "")
    home = Path(context.obj).expanduser()
    if not url:
        url = _read(home / "url")
        token = token or _read(home / "token")
    if not url:
        raise NoServer(
            f"no data centre is running in {home}, and DATACENTER_URL is not set",
            cure="start one with `datacenter up`, or set DATACENTER_URL and DATACENTER_TOKEN",
        )
    return Client(url, token, patience=PATIENCE)


def settings_for(context: typer.Context) -> "Settings":
    """The settings of the installation that this command works on; see `use_home`. Raises: WrongUse, SettingsInvalid."""
    from datacenter.settings.loading import load_settings

    use_home(context)
    return load_settings()


def use_home(context: typer.Context) -> None:
    """Read settings from the home in --home; without it from the environment, else from the default home.

    Raises: WrongUse, there are no settings in that home.
    """
    # Imported here because commands that use a server do not pay for loading them.
    from datacenter.cli.embedded.home import Home
    from datacenter.settings.model import CONFIG_VARIABLE

    home = Home.at(context.obj)
    source = context.find_root().get_parameter_source("home")
    if source is not None and source.name == "COMMANDLINE":
        if not home.config.exists():
            raise WrongUse(
                f"{home.config} does not exist", cure="give the home of a `datacenter up` with --home"
            )
        os.environ[CONFIG_VARIABLE] = str(home.config)
    elif not os.environ.get(CONFIG_VARIABLE) and URL_VARIABLE not in os.environ and home.config.exists():
        os.environ[CONFIG_VARIABLE] = str(home.config)


def home_in_use(context: typer.Context) -> "Home | None":
    """The home whose settings `use_home` has chosen; None if they are from elsewhere."""
    from datacenter.cli.embedded.home import Home
    from datacenter.settings.model import CONFIG_VARIABLE

    home = Home.at(context.obj)
    return home if os.environ.get(CONFIG_VARIABLE) == str(home.config) else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
