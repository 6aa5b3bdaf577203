"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

import typer


def serve() -> None:
    """Run the web layer alone; the settings name the database, the broker and the storages."""
    from datacenter.settings import load_settings  # only this command pays for loading the web layer
    from datacenter.web.server import serve as run

    run(load_settings())


def migrate() -> None:
    """Bring the database to the schema of this release."""
    from datacenter.cli.databases import told_in_words  # only this command pays for loading Alembic
    from datacenter.migrations import migrate as run
    from datacenter.settings import load_settings

    settings = load_settings().database
    with told_in_words(settings):
        typer.echo(f"the database has schema {run(settings)}")
