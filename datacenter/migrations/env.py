"""Alembic's entry point: runs on the connection that `migrate` passes."""

from alembic import context

from datacenter.access import models as _access
from datacenter.database.engine import Base
from datacenter.datasets import models as _datasets
from datacenter.ledger import models as _ledger
from datacenter.migrations import resumable as _resumable
from datacenter.storages import rows as _storages

IMPLEMENTATIONS = (_resumable.ResumableMySQL, _resumable.ResumableMariaDB)
"""Alembic registers these classes when they are defined."""
TABLES = (_access.Project, _datasets.Dataset, _ledger.Job, _storages.RegisteredStorage)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
