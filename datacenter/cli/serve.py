"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datacenter.settings import DatabaseSettings


def serve() -> None:
    """Run the web layer alone; the settings name the database, the broker and the storages."""
    # Imported here because no other command pays for loading the web layer.
    import structlog

    from datacenter.cli.databases import told_in_words
    from datacenter.logs import configure_logs
    from datacenter.settings import load_settings
    from datacenter.tracing import configure_tracing, tracer
    from datacenter.web.server import serve as run

    settings = load_settings()
    configure_logs(settings)
    configure_tracing(settings.tracing, "web")
    with told_in_words(settings.database):
        _look(settings.database)
    log = structlog.get_logger(__name__)
    run(settings, on_ready=lambda url: log.info("serving", url=url))
    tracer().close()


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say whether the schema serves this release.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Wait for a database that does not answer yet; with --check, also for its schema.",
        ),
    ] = 0,
) -> None:
    """Bring the database to the schema of this release."""
    from sqlalchemy.exc import OperationalError

    from datacenter.cli.databases import reason_of, told_in_words
    from datacenter.cli.waiting import patiently
    from datacenter.errors import SettingsInvalid
    from datacenter.migrations import migrate as run
    from datacenter.settings import load_settings

    settings = load_settings().database
    with told_in_words(settings):
        if check:
            patiently(lambda: _look(settings), wait, {OperationalError: reason_of, SettingsInvalid: str})
            typer.echo("the database's schema serves this release")
        else:
            found = patiently(lambda: run(settings), wait, {OperationalError: reason_of})
            typer.echo(f"the database has schema {found}")


def _look(settings: "DatabaseSettings") -> None:
    from datacenter.database import Database
    from datacenter.migrations import require_schema

    database = Database(settings)
    try:
        require_schema(database)
    finally:
        database.close()
