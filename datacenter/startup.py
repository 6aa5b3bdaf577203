"""Startup: every program reads its settings and connects to its database before it works, or reports why it cannot.

A permanent fault ends the program with exit code 2: wrong settings, a refused password, an incompatible schema. If the
database does not answer yet, the program waits and logs the reason.
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
from datacenter.storages.opener import Storages

POLL_SECONDS = 1.0
log = structlog.get_logger(__name__)


class DatabaseSilent(SettingsInvalid):
    """The database does not answer; it may answer later."""


def settings_of(config: Path | None, assignments: list[str] | None) -> Settings:
    """The settings of a command with these options. Raises: SettingsInvalid."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    return load_settings(assignments or ())


def settings_for(config: Path | None, assignments: list[str] | None) -> Settings:
    """The same for a program that logs: configures the logs, too. Raises: SettingsInvalid."""
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


def wait_for_database(
    settings: DatabaseSettings, check: Callable[[Database], object] = require_schema
) -> None:
    """Wait up to `database.patience_seconds` until the database answers, and check it.

    Raises:
        DatabaseSilent: it does not answer.
        SettingsInvalid: it refuses, or its schema is incompatible with this release.
    """
    database, give_up = Database(settings), time.monotonic() + settings.patience_seconds
    try:
        with _ended_by_sigterm():
            while not _answers(database, settings, check, is_last=time.monotonic() >= give_up):
                time.sleep(min(POLL_SECONDS, settings.patience_seconds))
    finally:
        database.close()


def remember_platforms(settings: Settings) -> None:
    """Remember where the platforms of the settings are: no source may ever read there, even after they are removed."""
    database = Database(settings.database)
    try:
        Storages(settings, database).remember_platforms()
    except SQLAlchemyError as error:
        # Every process that starts does it again.
        log.warning("the places of platforms were not recorded", reason=type(error).__name__)
    finally:
        database.close()


def _answers(
    database: Database, settings: DatabaseSettings, check: Callable[[Database], object], *, is_last: bool
) -> bool:
    try:
        check(database)
    except SQLAlchemyError as error:
        trouble = trouble_of(error, settings.url)
        # Without its cause: this message is for people, and the driver's traceback does not help them.
        if not trouble.may_pass:
            raise SettingsInvalid(str(trouble)) from None
        if is_last:
            raise DatabaseSilent(str(trouble)) from None
        log.warning("waiting for the database", reason=trouble.reason)
        return False
    return True


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Exit with 0 at SIGTERM, also as process 1 of a container, which ignores signals without a handler."""
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
    """Run a program with one command and the arguments of this process. Always raises SystemExit."""
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["--help", "-h"]})
    app.command()(command)
    app()
