"""`datacenter serve` and `datacenter migrate`: the parts of a real installation, one at a time."""

import typer


def serve() -> None:
    """Run the web layer alone; the settings name the database, the broker and the storages."""
    from datacenter.settings import load_settings  # only this command pays for loading the web layer
    from datacenter.web.server import serve as run

    run(load_settings())


def migrate() -> None:
    """Bring the database to the schema of this release."""
    from datacenter.migrations import migrate as run  # only this command pays for loading Alembic
    from datacenter.settings import load_settings

    typer.echo(f"the database has schema {run(load_settings().database)}")
