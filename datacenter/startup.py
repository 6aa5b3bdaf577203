"""Starting: what every program does before it works. It reads its settings and finds its database, or says why not.

What no waiting cures ends the program with exit code 2: wrong settings, a refused password, a schema that does not
serve. A database that does not answer yet is waited for, with the reason in the log.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog
import typer
from sqlalchemy.exc import SQLAlchemyError

from datacenter.database.diagnosis import trouble_of
from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid
from datacenter.migrations import require_schema
from datacenter.observability.logs import configure_logs
from datacenter.observability.tracing import use
from datacenter.settings.loading import load_settings
from datacenter.settings.model import CONFIG_VARIABLE, DatabaseSettings, Settings, TracingSettings

LOOK_SECONDS = 1.0
log = structlog.get_logger(__name__)


class DatabaseSilent(SettingsInvalid):
    """The database does not answer; it may do so later."""


def settings_of(config: Path | None, assignments: list[str] | None) -> Settings:
    """The settings of a command that was given these options. Raises: SettingsInvalid."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    return load_settings(assignments or ())


def settings_for(config: Path | None, assignments: list[str] | None) -> Settings:
    """The same for a program that has logs, which are set up by them. Raises: SettingsInvalid."""
    settings = settings_of(config, assignments)
    configure_logs(settings)
    return settings


def configure_tracing(settings: TracingSettings, process: str) -> None:
    """Trace this process from now on, if an endpoint is set; after a fork, once more.

    Raises: SettingsInvalid, OpenTelemetry is not installed.
    """
    if not settings.endpoint:
        return
    try:
        # Imported only here: OpenTelemetry is an extra.
        from datacenter.observability.otel import OpenTelemetryTracer
    except ImportError as error:
        raise SettingsInvalid(
            "tracing.endpoint: OpenTelemetry is not installed; pip install 'datacenter[tracing]'"
        ) from error
    use(OpenTelemetryTracer(settings, process))


def find_database(settings: DatabaseSettings, look: Callable[[Database], object] = require_schema) -> None:
    """Wait until the database answers, for `database.patience_seconds`, and look at it.

    Raises:
        DatabaseSilent: it does not answer.
        SettingsInvalid: it refuses, or its schema does not serve this release.
    """
    database, give_up = Database(settings), time.monotonic() + settings.patience_seconds
    try:
        with _ended_by_sigterm():
            while not _answers(database, settings, look, is_last=time.monotonic() >= give_up):
                time.sleep(min(LOOK_SECONDS, settings.patience_seconds))
    finally:
        database.close()


def _answers(
    database: Database, settings: DatabaseSettings, look: Callable[[Database], object], *, is_last: bool
) -> bool:
    try:
        look(database)
    except SQLAlchemyError as error:
        trouble = trouble_of(error, settings.url)
        # Without its cause: this is an answer for people, and the driver's trace is none.
        if not trouble.may_pass:
            raise SettingsInvalid(str(trouble)) from None
        if is_last:
            raise DatabaseSilent(str(trouble)) from None
        log.warning("waiting for the database", reason=trouble.reason)
        return False
    return True


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End at SIGTERM with 0, also as process 1 of a container, which is deaf to signals that it has no handler for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def run_command(command: Callable[..., None]) -> None:
    """Run a program of one command with the arguments of this process. Raises: SystemExit, always."""
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["--help", "-h"]})
    app.command()(command)
    app()
