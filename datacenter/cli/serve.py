"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from datacenter.cli.errors import refusals_of_database
from datacenter.settings.sources.flags import ConfigOption, SetOption

T = TypeVar("T")
PAUSE_SECONDS = 2.0


def retry_until(
    work: Callable[[], T], seconds: float, passing: dict[type[Exception], Callable[[Exception], str]]
) -> T:
    """The result of `work`, tried for so many seconds while it fails with what may pass; each reason is told once.

    `passing` says how each such error is told. Raises: the last of them when the time is over, any other at once.
    """
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        try:
            return work()
        except tuple(passing) as error:
            if time.monotonic() >= deadline:
                raise
            reason = next(tell for kind, tell in passing.items() if isinstance(error, kind))(error)
        if reason != told:
            typer.echo(f"waiting: {reason}", err=True)
            told = reason
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def serve(config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Run the web layer alone; the settings name the database, the broker and the storages."""
    # Imported here because no other command pays for loading the web layer.
    import structlog

    from datacenter.observability.tracing import tracer
    from datacenter.startup import configure_tracing, find_database, settings_for
    from datacenter.web.server import serve as run

    settings = settings_for(config, assignments)
    configure_tracing(settings.tracing, "web")
    find_database(settings.database)
    log = structlog.get_logger(__name__)
    run(settings, on_ready=lambda url: log.info("serving", url=url))
    tracer().close()


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say whether the schema serves this release.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Wait for a database that does not answer yet, instead of database.patience_seconds; "
            "with --check, also for its schema.",
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Bring the database to the schema of this release."""
    from datacenter.errors import SettingsInvalid
    from datacenter.migrations import migrate as run
    from datacenter.migrations import revision_of
    from datacenter.startup import DatabaseSilent, find_database, settings_of

    settings = settings_of(config, assignments).database
    once = settings.model_copy(update={"patience_seconds": 0.0})
    if check:
        retry_until(lambda: find_database(once), wait or 0, {SettingsInvalid: str})
        typer.echo("the database's schema serves this release")
        return
    patience_seconds = settings.patience_seconds if wait is None else wait
    retry_until(lambda: find_database(once, look=revision_of), patience_seconds, {DatabaseSilent: str})
    with refusals_of_database(settings):
        typer.echo(f"the database has schema {run(settings)}")
