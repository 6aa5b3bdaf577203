"""Owners, roles and the audit: what a token may do, whose a storage is, who did what, and which places are platforms."""

import sqlalchemy as sa
from alembic import op

from datacenter.database.engine import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("projects", sa.Column("weight", sa.Integer(), server_default="1", nullable=False))
    op.add_column("tokens", sa.Column("role", sa.String(length=16), nullable=True))
    op.add_column("tokens", sa.Column("operator", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tokens", sa.Column("created_by", sa.String(length=128), nullable=True))
    op.add_column("tokens", sa.Column("expires_at", UtcDateTime(), nullable=True))
    op.add_column("tokens", sa.Column("last_used_at", UtcDateTime(), nullable=True))
    for table in ("datasets", "dataset_versions", "jobs", "storages"):
        op.add_column(table, sa.Column("created_by", sa.String(length=128), nullable=True))
    op.add_column("storages", sa.Column("project_id", sa.String(length=36), nullable=True))
    op.add_column("storages", sa.Column("shared_with", sa.JSON(), nullable=True))
    op.create_table(
        "platform_places",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("storage", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        # Names that differ only in case or accent are different ones.
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=True),
        sa.Column("subject", sa.String(length=160), nullable=True),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_kind", sa.String(length=32), nullable=True),
        sa.Column("object_id", sa.String(length=255), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        # Names that differ only in case or accent are different ones.
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("audit_by_project", "audit", ["project_id", "id"])
    op.create_index("audit_by_time", "audit", ["at"])
