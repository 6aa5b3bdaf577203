"""Datasets whose rows are kept in a table of a storage of tables: which storage, and which table."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("datasets", sa.Column("table_storage", sa.String(length=64), nullable=True))
    op.add_column("datasets", sa.Column("table_name", sa.String(length=160), nullable=True))
