"""The migrations make what the models say."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from datacenter.access import models as _access
from datacenter.database.engine import Base, Database
from datacenter.datasets import models as _datasets
from datacenter.ledger import models as _ledger
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings
from datacenter.storages import rows as _storages

MODELS = (_access, _datasets, _ledger, _storages)


def test_a_migrated_database_differs_from_the_models_in_nothing(tmp_path: Path) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/schema.db")
    assert migrate(settings) == migrate(settings)
    database = Database(settings)
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    database.close()
    assert differences == []
