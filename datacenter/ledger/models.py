"""The ledger's tables. `ledger.py` is their only writer."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from datacenter.database.engine import Base, UtcDateTime, new_id
from datacenter.ledger.states import JobKind, JobState, ShardState, Step

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite assigns ids automatically only in a column of type INTEGER."""


class Job(Base):
    """One request for slow work."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_project", "project_id", "id"),
        Index("jobs_by_state", "state", "finished_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[JobKind] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(32))
    state: Mapped[JobState] = mapped_column(String(16), default=JobState.PENDING)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    priority: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    notify: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    phase: Mapped[str] = mapped_column(String(32), default="waiting")
    files_done: Mapped[int] = mapped_column(BigInteger, default=0)
    files_total: Mapped[int | None] = mapped_column(BigInteger)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(default=0)
    """The largest number of attempts of any of its shards."""
    open_shards: Mapped[int] = mapped_column(default=0)
    """Shards of the present step that are not done."""
    checkpoint: Mapped[bool] = mapped_column(default=False)
    """After FAILURE: finished shards still count, and `retry` continues from them."""
    outcome: Mapped[JobState | None] = mapped_column(String(16))
    """The state in which the job will end once its leased shards have stopped: FAILURE or REVOKED."""
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    origin: Mapped[dict[str, str] | None] = mapped_column(JSON)
    """The request that started the job, see `datacenter/observability/context.py`."""
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str | None] = mapped_column(String(128))
    """The name of the subject whose request started it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobDataset(Base):
    """The datasets of a job."""

    __tablename__ = "job_datasets"

    dataset_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class JobDependency(Base):
    """A job that waits for another one to end."""

    __tablename__ = "job_dependencies"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    after_id: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)
    needs_success: Mapped[bool] = mapped_column(default=True)
    """Whether the waiting job fails if the other job does not succeed."""


class Shard(Base):
    """The unit of work that one worker leases."""

    __tablename__ = "shards"
    __table_args__ = (
        Index("shards_by_claim", "queue", "state", "precedence", "rank", "id"),
        Index("shards_by_project", "queue", "state", "precedence", "project_id", "rank"),
        # The two above are for workers of the release before; this one reads those below.
        Index("shards_by_turn", "queue", "state", "rank", "id"),
        Index("shards_by_owner", "queue", "state", "project_id", "precedence", "id"),
        Index("shards_by_last_turn", "queue", "state", "project_id", "rank"),
        Index("shards_by_lease", "state", "lease_expires_at"),
        Index("shards_by_due", "state", "not_before"),
        Index("shards_by_job", "job_id", "step", "number", unique=True),
        # Otherwise SQLite could reuse the id of a removed shard, and an old lease would match the new shard.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    project_id: Mapped[str] = mapped_column(String(36))
    queue: Mapped[str] = mapped_column(String(32))
    step: Mapped[Step] = mapped_column(String(16))
    number: Mapped[int]
    state: Mapped[ShardState] = mapped_column(String(16))
    precedence: Mapped[int]
    """The order within the project, see `moves.precedence_of`: smaller is served first."""
    rank: Mapped[int] = mapped_column(BigInteger)
    """A turn of the project in the queue, see `moves.next_turn`: the project with the smallest one is served first."""
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    """Grows with each lease; an old token is worthless."""
    owner: Mapped[str | None] = mapped_column(String(128))
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    files_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class OutboxMessage(Base):
    """A message that was committed together with its change and is not sent yet."""

    __tablename__ = "outbox"
    # Otherwise SQLite could reuse the id of a sent message, and a second sender of the old one would remove the new one.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`ring` (a queue) or `notify` (a webhook)."""
    queue: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(36), index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class IdempotencyKey(Base):
    """The stored response to a POST, sent again when the client repeats the request."""

    __tablename__ = "idempotency_keys"

    project_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
