"""Claims by the turns of projects, then by priority within the project: the indexes that answer them."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("shards_by_turn", "shards", ["queue", "state", "rank", "id"])
    op.create_index("shards_by_owner", "shards", ["queue", "state", "project_id", "precedence", "id"])
    op.create_index("shards_by_last_turn", "shards", ["queue", "state", "project_id", "rank"])
