"""Datasets that are tables: their rows, and the column that labels them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("datasets", sa.Column("row_count", sa.BigInteger(), nullable=True))
    op.add_column("datasets", sa.Column("label_column", sa.String(length=255), nullable=True))
