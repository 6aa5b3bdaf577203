"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from datacenter.cli.connection import use_home
from datacenter.cli.errors import database_errors
from datacenter.settings.sources.flags import ConfigOption, SetOption

if TYPE_CHECKING:
    from datacenter.settings.model import Settings

T = TypeVar("T")
PAUSE_SECONDS = 2.0


def retry_until(
    work: Callable[[], T], seconds: float, transient: dict[type[Exception], Callable[[Exception], str]]
) -> T:
    """The result of `work`, retried for so many seconds on transient errors; each reason is printed once.

    `transient` maps each such error to its message. Raises: the last of them when the time is over, any other at once.
    """
    deadline = time.monotonic() + seconds
    printed = ""
    while True:
        try:
            return work()
        except tuple(transient) as error:
            if time.monotonic() >= deadline:
                raise
            reason = next(message for kind, message in transient.items() if isinstance(error, kind))(error)
        if reason != printed:
            typer.echo(f"waiting: {reason}", err=True)
            printed = reason
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def serve(context: typer.Context, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Run only the web layer; the settings name the database, the broker and the storages."""
    # Imported here because no other command pays for loading the web layer.
    import structlog

    from datacenter.observability.tracing import tracer
    from datacenter.startup import configure_tracing, remember_platforms, settings_for, wait_for_database
    from datacenter.web.server import serve as run

    if config is None:
        use_home(context)
    settings = settings_for(config, assignments)
    configure_tracing(settings.tracing, "web")
    wait_for_database(settings.database)
    remember_platforms(settings)
    _warn_of_shared(settings)
    log = structlog.get_logger(__name__)
    run(settings, on_ready=lambda url: log.info("serving", url=url))
    tracer().close()


def _warn_of_shared(settings: "Settings") -> None:
    """Warn of storages that a release without owners has left: they are shared with all projects."""
    import structlog

    from datacenter.database.engine import Database
    from datacenter.storages.rows import registered_rows

    database = Database(settings.database)
    with database.reading() as session:
        rows = registered_rows(session).values()
        names = [
            row.name
            for row in rows
            if row.project_id is None and row.created_by is None and row.shared_with is None
        ]
    database.close()
    if names:
        structlog.get_logger(__name__).warning(
            "storages of before are shared with all projects; restrict them: datacenter storages update NAME --project P",
            storages=names,
        )


def migrate(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; check that the schema fits this release.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="How long to wait until the database answers, instead of database.patience_seconds; "
            "with --check, also until its schema fits.",
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Migrate the database to the schema of this release."""
    from datacenter.errors import SettingsInvalid
    from datacenter.migrations import migrate as run
    from datacenter.migrations import revision_of
    from datacenter.startup import DatabaseSilent, settings_of, wait_for_database

    if config is None:
        use_home(context)
    settings = settings_of(config, assignments).database
    once = settings.model_copy(update={"patience_seconds": 0.0})
    if check:
        retry_until(lambda: wait_for_database(once), wait or 0, {SettingsInvalid: str})
        typer.echo("the database's schema fits this release")
        return
    patience_seconds = settings.patience_seconds if wait is None else wait
    retry_until(lambda: wait_for_database(once, check=revision_of), patience_seconds, {DatabaseSilent: str})
    with database_errors(settings):
        typer.echo(f"the database has schema {run(settings)}")
