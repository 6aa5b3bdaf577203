"""Migrations: change the database schema step by step (Alembic), and check that a database has it."""

import functools
import logging
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import column, inspect, select, table

from datacenter.database.engine import Database
from datacenter.errors import SettingsInvalid
from datacenter.migrations.compatibility import REVISION, why_not
from datacenter.settings.model import CONFIG_VARIABLE, DatabaseSettings

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = table("alembic_version", column("version_num"))
"""Alembic's record of the present revision."""

# At INFO every schema check would log "Context impl SQLiteImpl.", which is noise.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)


def migrate(settings: DatabaseSettings) -> str:
    """Migrate the database to the schema of this release; returns its revision. Running it again changes nothing.

    A newer schema that is compatible with this release stays unchanged, so a release can be rolled back.

    Raises:
        SettingsInvalid: the schema is too new, or it is not the data centre's.
    """
    # Imported here: every process checks the schema at its start, and Alembic would take a tenth of that time.
    from alembic import command

    database = Database(settings)
    try:
        found = revision_of(database)
        if found is not None and found not in known_revisions():
            _require(found)
            return found
        with database.engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        return revision_of(database) or ""
    finally:
        database.close()


def require_schema(database: Database) -> None:
    """Raises: SettingsInvalid when the schema is incompatible with this release; `datacenter/migrations/compatibility.py` has the rule.

    Read-only: a missing SQLite file is not created.
    """
    missing = _missing_file(database)
    if missing is not None:
        raise SettingsInvalid(
            f"there is no database at {missing}; run `datacenter migrate`, or set {CONFIG_VARIABLE} to a settings file"
        )
    _require(revision_of(database))


def revision_of(database: Database) -> str | None:
    """The revision of the database's schema; None while it has none."""
    with database.reading() as session:  # on SQLite reading takes no lock
        if not inspect(session.connection()).has_table(VERSION_TABLE.name):
            return None
        return session.scalar(select(VERSION_TABLE.c.version_num))


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """The revisions of this release, oldest first, from the names of the files in `versions`."""
    names = (entry.name for entry in files(__name__).joinpath("versions").iterdir())
    return tuple(sorted(found.group() for found in map(REVISION.match, names) if found is not None))


def _require(found: str | None) -> None:
    reason = why_not(found, known_revisions())
    if reason is not None:
        raise SettingsInvalid(f"database.url: {reason}")


def _missing_file(database: Database) -> Path | None:
    url = database.engine.url
    if url.get_backend_name() != "sqlite" or (url.database or ":memory:").startswith((":memory:", "file:")):
        return None
    file = Path(url.database or "").absolute()
    return None if file.exists() else file


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "datacenter:migrations")
    return config
