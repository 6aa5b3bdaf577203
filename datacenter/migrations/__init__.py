"""The database schema, step by step (Alembic), and whether a database has it."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from datacenter.database import Database
from datacenter.errors import SettingsInvalid
from datacenter.settings import CONFIG_VARIABLE, DatabaseSettings

# At INFO every look at the schema would say "Context impl SQLiteImpl."; nobody needs to know.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)


def migrate(settings: DatabaseSettings) -> str:
    """Bring the database to the schema of this release; returns its revision. Running it again changes nothing."""
    database = Database(settings)
    try:
        with database.engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        return _revision(database) or ""
    finally:
        database.close()


def require_schema(database: Database) -> None:
    """Raises: SettingsInvalid when the database's schema is not the one of this release.

    It only looks: a file of SQLite that is not there is not made by it.
    """
    missing = _missing_file(database)
    if missing is not None:
        raise SettingsInvalid(
            f"there is no database at {missing}; run `datacenter migrate`, or name settings by {CONFIG_VARIABLE}"
        )
    found, wanted = _revision(database), ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise SettingsInvalid(
            f"database.url: the schema is {found or 'empty'}, this release needs {wanted}; run `datacenter migrate`"
        )


def _missing_file(database: Database) -> Path | None:
    url = database.engine.url
    if url.get_backend_name() != "sqlite" or (url.database or ":memory:").startswith((":memory:", "file:")):
        return None
    file = Path(url.database or "").absolute()
    return None if file.exists() else file


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "datacenter:migrations")
    return config


def _revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
        return revision
