"""`datacenter health …`: whether a process is alive and ready, for supervisors: exit code 0 or 1, and one sentence."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from datacenter.cli.connection import home_in_use, settings_for
from datacenter.cli.errors import CommandFailed, WrongUse

if TYPE_CHECKING:
    from datacenter.cli.embedded.home import Home
    from datacenter.settings.model import Settings

ANSWER_SECONDS = 5.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where the process listens; this one does not
"""The address to connect to, for an address to listen on."""


class Process(StrEnum):
    """The process to check."""

    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


ReadyOption = Annotated[
    bool, typer.Option("--ready", help="Also check that it can serve: database, schema, broker.")
]

PortOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=65535, help="The port of the web layer, instead of web.port; as given to `up --port`."
    ),
]


class Unhealthy(CommandFailed):
    """The process is not alive, or cannot serve."""


def health(
    context: typer.Context,
    process: Annotated[
        Process, typer.Argument(metavar="PROCESS", help="web, worker or scheduler, on this machine.")
    ],
    ready: ReadyOption = False,
    port: PortOption = None,
) -> None:
    """Check that a process is alive; exits 0 if it is, else 1 with the reason."""
    if port is not None and process is not Process.WEB:
        raise WrongUse(f"--port is only for web, not for the {process}")
    settings = settings_for(context)
    page = "readyz" if ready else "healthz"
    home = home_in_use(context)
    if process is Process.WEB and port is None and home is not None:
        _ask_web_of(home, page)
    elif process is Process.WEB:
        _ask_web(settings.web.host, port or settings.web.port, page)
    else:
        _check_loop(settings, process)
        if ready:
            _check_dependencies(settings)
    typer.echo(f"the {process} {'is ready' if ready else 'is alive'}")


def _ask_web_of(home: "Home", page: str) -> None:
    """Ask the data centre that runs in a home: its port may be another than that of the settings."""
    url = home.url_file.read_text().strip() if home.url_file.exists() else ""
    if not url:
        raise Unhealthy(f"no data centre is running in {home.root}")
    _get(f"{url}/{page}")


def _ask_web(listens_at: str, port: int, page: str) -> None:
    host = EVERYWHERE.get(listens_at, listens_at)
    _get(f"http://{f'[{host}]' if ':' in host else host}:{port}/{page}")


def _get(url: str) -> None:
    import httpx

    try:
        answer = httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False)
    except httpx.TransportError as error:
        raise Unhealthy(f"the web layer does not answer at {url}: {type(error).__name__}") from error
    if not answer.is_success:
        raise Unhealthy(f"the web layer answers {answer.status_code} at {url}: {_detail(answer.text)}")


def _detail(text: str) -> str:
    import json

    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def _check_loop(settings: "Settings", process: Process) -> None:
    from datacenter.observability.liveness import NoSignOfLife, Role, require_life

    try:
        require_life(settings.health, Role(process))
    except NoSignOfLife as error:
        raise Unhealthy(error.detail) from error


def _check_dependencies(settings: "Settings") -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from datacenter.database.diagnosis import trouble_of
    from datacenter.database.engine import Database
    from datacenter.errors import SettingsInvalid
    from datacenter.ledger.broker_diagnosis import check_broker
    from datacenter.migrations import require_schema

    database = Database(settings.database)
    try:
        require_schema(database)
        fault = check_broker(settings.broker)
    except SQLAlchemyError as error:
        raise Unhealthy(str(trouble_of(error, settings.database.url))) from error
    except SettingsInvalid as error:
        raise Unhealthy(error.detail) from error
    finally:
        database.close()
    if fault is not None:
        raise Unhealthy(fault)
