"""The periodic repair of the ledger: due work is made claimable, expired leases are taken back."""

from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datacenter.database import now
from datacenter.ledger.leases import count_failure
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.moves import add_ring, error_record, make_ready
from datacenter.ledger.states import ShardState, Step
from datacenter.settings import LedgerSettings

GivenUp = Callable[[Session, Job], None]
BATCH = 200
"""Rows that one transaction repairs; the caller repeats until less than that is left."""


def wake_due(session: Session) -> int:
    """Make waiting shards claimable whose time has come, and ring for them; returns how many."""
    due = (
        select(Shard)
        .where(Shard.state == ShardState.WAITING, Shard.not_before <= now(session))
        .order_by(Shard.not_before)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    shards = session.scalars(due).all()
    for shard in shards:
        # A step of its own holds up its whole job; shards of a run are many, and would hold up everybody else.
        make_ready(session, shard, in_line=shard.step == Step.RUN or shard.attempts == 0)
        session.flush()
        add_ring(session, session.get_one(Job, shard.job_id), 1)
    return len(shards)


def take_back_expired(session: Session, settings: LedgerSettings, given_up: GivenUp) -> int:
    """Take shards back whose worker has gone silent; that counts as an attempt. Returns how many.

    `given_up` is called for a job that ends by this with nobody left to clean up after it.
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
        _count_lost(session, shard, job, settings, given_up)
    return len(shards)


def queues_with_work(session: Session) -> dict[str, int]:
    """Claimable shards by queue."""
    rows = session.execute(
        select(Shard.queue, func.count()).where(Shard.state == ShardState.READY).group_by(Shard.queue)
    )
    return {queue: count for queue, count in rows}  # noqa: C416 - rows are not plain tuples to mypy


def _count_lost(
    session: Session, shard: Shard, job: Job, settings: LedgerSettings, given_up: GivenUp
) -> None:
    last = shard.attempts + 1 >= settings.attempts
    detail = f"worker {shard.owner} went silent {shard.attempts + 1} times: killed, probably out of memory"
    if last or (job.outcome is not None and shard.step != Step.UNDO):
        # A shard that kills its workers would do so again: there is nothing to continue from.
        error = error_record("WORKER_LOST", detail)
        count_failure(session, shard, job, settings, error, False, lambda inner: given_up(inner, job))
        return
    shard.attempts += 1
    job.attempts = max(job.attempts, shard.attempts)
    make_ready(session, shard, in_line=False)
    session.flush()
    add_ring(session, job, 1)
