"""The periodic repair of the ledger: due shards become claimable, expired leases are reclaimed."""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.ledger.counting import count
from datacenter.ledger.leases import count_failure, count_retry
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.moves import add_ring, error_record, make_ready
from datacenter.ledger.states import ShardState, Step
from datacenter.settings.model import LedgerSettings

Ended = Callable[[Session, Job, Step], None]
BATCH = 200
"""Rows that one transaction repairs; the caller repeats until fewer are left."""


def release_due(session: Session) -> int:
    """Make waiting shards claimable when they are due, and ring for them; returns their number."""
    due = (
        select(Shard)
        .where(Shard.state == ShardState.WAITING, Shard.not_before <= now(session))
        .order_by(Shard.not_before)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    shards = session.scalars(due).all()
    for shard in shards:
        # A plan, finish or undo shard blocks its whole job, so it goes first; run shards are many and would block others.
        make_ready(session, shard, in_line=shard.step == Step.RUN or shard.attempts == 0)
        session.flush()
        add_ring(session, session.get_one(Job, shard.job_id), 1)
    return len(shards)


def reclaim_expired(session: Session, settings: LedgerSettings, ended: Ended) -> int:
    """Reclaim shards of workers that went silent; this counts as an attempt. Returns their number.

    `ended` is called for a job that ends here without an undo step, with the step that was lost.
    """
    expired = (
        select(Shard)
        .where(Shard.state == ShardState.LEASED, Shard.lease_expires_at < now(session))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    shards = session.scalars(expired).all()
    for shard in shards:
        job = session.scalars(select(Job).where(Job.id == shard.job_id).with_for_update()).one()
        _count_lost(session, shard, job, settings, ended)
    return len(shards)


def queues_with_work(session: Session) -> dict[str, int]:
    """Claimable shards by queue."""
    rows = session.execute(
        select(Shard.queue, func.count()).where(Shard.state == ShardState.READY).group_by(Shard.queue)
    )
    return {queue: count for queue, count in rows}  # noqa: C416 - rows are not plain tuples to mypy


def _count_lost(session: Session, shard: Shard, job: Job, settings: LedgerSettings, ended: Ended) -> None:
    """The first loss is retried at once; a later one counts as a failed attempt, for the shard may be the cause."""
    kind = job.kind
    count(session, lambda metrics: metrics.leases_lost.labels(kind).inc())
    is_wanted = job.outcome is None or shard.step == Step.UNDO
    if is_wanted and shard.attempts == 0 and settings.attempts > 1:
        shard.attempts = 1
        job.attempts = max(job.attempts, shard.attempts)
        make_ready(session, shard, in_line=False)
        session.flush()
        count_retry(session, job)
        add_ring(session, job, 1)
        return
    # The cause is unknown, and a stalled storage may recover: finished work is kept for a retry.
    detail = (
        f"worker {shard.owner} went silent in attempt {shard.attempts + 1} of {settings.attempts}: "
        "it was killed, probably out of memory, or it waited too long for a storage"
    )
    step = Step(shard.step)
    error = error_record("WORKER_LOST", detail)
    count_failure(session, shard, job, settings, error, True, lambda inner: ended(inner, job, step))
