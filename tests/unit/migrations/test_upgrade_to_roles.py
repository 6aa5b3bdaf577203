"""A database of the release without roles: its tokens and storages keep what they could do."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from datacenter.access.roles import Role
from datacenter.access.tokens import authenticate
from datacenter.database.engine import Database
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings
from datacenter.storages.rows import registered_rows

SECRET_SHA256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
ROWS = (
    "INSERT INTO projects (id, name, created_at) VALUES ('p', 'vision', '2026-01-01 00:00:00.000000')",
    f"INSERT INTO tokens (id, project_id, name, sha256, created_at) VALUES ('t', 'p', 'old', '{SECRET_SHA256}', '2026-01-01 00:00:00.000000')",
    "INSERT INTO storages (name, kind, url, role, options, created_at, updated_at)"
    " VALUES ('scans', 'nas', 'nas:///scans', 'both', '{}', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')",
)


def test_tokens_become_administrators_of_their_project_and_storages_are_shared(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/older.db"))
    config = Config()
    config.set_main_option("script_location", "datacenter:migrations")
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for row in ROWS:
            connection.execute(sa.text(row))
        connection.commit()

    migrate(DatabaseSettings(url=f"sqlite:///{tmp_path}/older.db"))

    with database.reading() as session:
        principal = authenticate(session, "secret")
        assert (principal.project_name, principal.role, principal.operator) == ("vision", Role.ADMIN, False)
        storage = registered_rows(session)["scans"]
        assert (storage.project_id, storage.shared_with) == (None, None)
    database.close()
