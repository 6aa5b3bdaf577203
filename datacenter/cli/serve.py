"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

import typer


def serve() -> None:
    """Run the web layer alone; the settings name the database, the broker and the storages."""
    # Imported here because no other command pays for loading the web layer.
    from datacenter.cli.databases import told_in_words
    from datacenter.database import Database
    from datacenter.migrations import require_schema
    from datacenter.settings import load_settings
    from datacenter.web.server import serve as run

    settings = load_settings()
    database = Database(settings.database)
    with told_in_words(settings.database):
        require_schema(database)
    database.close()
    run(settings, on_ready=lambda url: typer.echo(f"serving at {url}"))


def migrate() -> None:
    """Bring the database to the schema of this release."""
    from datacenter.cli.databases import told_in_words
    from datacenter.migrations import migrate as run
    from datacenter.settings import load_settings

    settings = load_settings().database
    with told_in_words(settings):
        typer.echo(f"the database has schema {run(settings)}")
