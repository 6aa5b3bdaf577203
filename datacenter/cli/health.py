"""`datacenter health …`: whether a process lives and can serve, for supervisors: exit code 0 or 1, and one sentence."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from datacenter.cli.errors import CommandFailed, WrongUse

if TYPE_CHECKING:
    from datacenter.settings.model import Settings

ANSWER_SECONDS = 5.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not where we do
"""An address to listen at, and one to call what listens there."""


class Process(StrEnum):
    """Whose health is asked for."""

    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


ReadyOption = Annotated[
    bool, typer.Option("--ready", help="Ask whether it can serve as well: database, schema, broker.")
]

PortOption = Annotated[
    int | None,
    typer.Option(
        min=1, max=65535, help="Where the web layer listens, instead of web.port; as given to `up --port`."
    ),
]


class Unhealthy(CommandFailed):
    """It does not live, or cannot serve."""


def health(
    process: Annotated[Process, typer.Argument(help="Which process of this machine.")],
    ready: ReadyOption = False,
    port: PortOption = None,
) -> None:
    """Say whether a process lives; exits 0 if so, else 1 with the reason."""
    if port is not None and process is not Process.WEB:
        raise WrongUse(f"--port is of the web layer; the {process} is not asked over a port")
    from datacenter.settings.loading import load_settings

    settings = load_settings()
    if process is Process.WEB:
        _ask_web(settings.web.host, port or settings.web.port, "readyz" if ready else "healthz")
    else:
        _look_at_loop(settings, process)
        if ready:
            _look_around(settings)
    typer.echo(f"the {process} {'is ready' if ready else 'lives'}")


def _ask_web(listens_at: str, port: int, page: str) -> None:
    import httpx

    host = EVERYWHERE.get(listens_at, listens_at)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/{page}"
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
        return "without a reason"


def _look_at_loop(settings: "Settings", process: Process) -> None:
    from datacenter.observability.liveness import NoSignOfLife, Role, require_life

    try:
        require_life(settings.health, Role(process))
    except NoSignOfLife as error:
        raise Unhealthy(error.detail) from error


def _look_around(settings: "Settings") -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from datacenter.database.diagnosis import trouble_of
    from datacenter.database.engine import Database
    from datacenter.errors import SettingsInvalid
    from datacenter.ledger.broker_diagnosis import look_for_broker
    from datacenter.migrations import require_schema

    database = Database(settings.database)
    try:
        require_schema(database)
        silence = look_for_broker(settings.broker)
    except SQLAlchemyError as error:
        raise Unhealthy(str(trouble_of(error, settings.database.url))) from error
    except SettingsInvalid as error:
        raise Unhealthy(error.detail) from error
    finally:
        database.close()
    if silence is not None:
        raise Unhealthy(silence)
