"""The worker's side of the ledger: claim a shard, extend its lease, and commit its result.

Every call except `claim` is fenced by the lease's token: a worker that was replaced meanwhile gets `LeaseLost` and
changes nothing.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.errors import LeaseLost
from datacenter.ledger.counting import count
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.moves import (
    add_ring,
    add_step,
    begin_termination,
    end,
    error_record,
    finish_termination,
    make_ready,
    move,
    next_turn,
    precedence_of,
)
from datacenter.ledger.states import FINISHED, JobKind, JobState, ShardState, Step
from datacenter.observability.context import RequestOrigin
from datacenter.settings.model import LedgerSettings

INSERT_ROWS = 1_000
FRESH = {"populate_existing": True}
"""A row that is read with a lock is read again, even if this session has read it before."""
Publish = Callable[[Session], None]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A leased shard, with what a runner needs to know about its job."""

    shard_id: int
    token: int
    job_id: str
    project_id: str
    kind: JobKind
    queue: str
    step: Step
    number: int
    spec: dict[str, Any]
    payload: dict[str, Any]
    attempts: int
    """Earlier attempts of this shard that failed."""
    origin: RequestOrigin | None = None
    """The request that started the job."""


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """One planned shard; `spec` is small: ids, keys and ranges, never data."""

    spec: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The size of a job's whole work."""

    files: int | None
    size_bytes: int | None
    """None if it is unknown until the work ends."""


def claim(session: Session, queue: str, owner: str, lease: timedelta) -> Claim | None:
    """Lease the next due shard of a queue; None when there is none.

    The first turn says which project is served, and the project's own order which of its shards. Each is one step down
    an index: `shards_by_turn`, `shards_by_owner`. A claimable shard of a job that has ended is dropped: it must not block
    its queue.
    """
    while (shard := _next(session, queue)) is not None:
        job = session.get_one(Job, shard.job_id)
        if shard.step == Step.UNDO or job.state not in FINISHED:
            break
        shard.state = ShardState.DROPPED
        session.flush()
    if shard is None:
        return None
    moment = now(session)
    shard.state, shard.owner = ShardState.LEASED, owner
    shard.token += 1
    shard.lease_expires_at = moment + lease
    if shard.step != Step.UNDO:
        job.started_at = job.started_at or moment
        if job.state != JobState.STARTED:
            move(job, JobState.STARTED)
    job.phase = _phase(shard.step, job.phase)
    return Claim(
        shard_id=shard.id,
        token=shard.token,
        job_id=job.id,
        project_id=job.project_id,
        kind=JobKind(job.kind),
        queue=queue,
        step=Step(shard.step),
        number=shard.number,
        spec=shard.spec,
        payload=job.payload,
        attempts=shard.attempts,
        origin=job.origin,
    )


def _next(session: Session, queue: str) -> Shard | None:
    ready = select(Shard).where(Shard.queue == queue, Shard.state == ShardState.READY).limit(1)
    ready = ready.with_for_update(skip_locked=True)
    first = session.scalars(ready.order_by(Shard.rank, Shard.id)).first()
    if first is None:
        return None
    own = ready.where(Shard.project_id == first.project_id).order_by(Shard.precedence, Shard.id)
    best = session.scalars(own).first()
    if best is None or best.id == first.id:
        return first
    # The best one takes the first turn, and leaves its own turn to the one that had it: a project keeps its turns.
    first.rank, best.rank = best.rank, first.rank
    return best


def extend(session: Session, held: Claim, lease: timedelta, *, files: int, size_bytes: int) -> bool:
    """Extend a lease and report progress; True when the worker should stop (the job was cancelled or has failed).

    Progress is a high-water mark: a new attempt never lowers it. Raises: LeaseLost.
    """
    shard = _fenced(session, held)
    shard.lease_expires_at = now(session) + lease
    _progress(session, shard, files, size_bytes)
    job = session.get_one(Job, held.job_id)
    return job.outcome is not None and held.step != Step.UNDO


def complete_plan(
    session: Session, held: Claim, plans: Iterable[ShardPlan], totals: Totals, phase: str
) -> None:
    """Commit a job's shards and totals; a plan without shards is followed by the finish. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state = ShardState.DONE
    if _is_terminating(session, job):
        return
    job.files_total, job.bytes_total, job.phase = totals.files, totals.size_bytes, phase
    count = _insert(session, job, plans, first=1)
    job.open_shards = count
    if count:
        add_ring(session, job, count)
    else:
        add_step(session, job, Step.FINISH)


def complete_shard(
    session: Session, held: Claim, result: dict[str, Any], *, files: int, size_bytes: int
) -> None:
    """Commit a shard's result; the last shard of a job also commits its finish step. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state, shard.result = ShardState.DONE, result
    _progress(session, shard, files, size_bytes)
    if _is_terminating(session, job):
        return
    job.open_shards -= 1
    if job.open_shards == 0:
        add_step(session, job, Step.FINISH)


def complete_wave(session: Session, held: Claim, plans: Iterable[ShardPlan]) -> None:
    """Commit further shards that a finish step requests; the finish runs again after the last one. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state = ShardState.DONE
    if _is_terminating(session, job):
        return
    done = (Shard.job_id == job.id, Shard.step == Step.RUN)
    first = (session.scalar(select(func.max(Shard.number)).where(*done)) or 0) + 1
    job.open_shards = _insert(session, job, plans, first)
    add_ring(session, job, job.open_shards)


def complete_finish(session: Session, held: Claim, result: dict[str, Any], publish: Publish) -> None:
    """Publish the job's result and end the job in SUCCESS, in one transaction. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state = ShardState.DONE
    if _is_terminating(session, job):
        return
    publish(session)
    job.result, job.error = result, None
    job.files_done = job.files_total if job.files_total is not None else job.files_done
    job.bytes_done = job.bytes_total if job.bytes_total is not None else job.bytes_done
    end(session, job, JobState.SUCCESS)


def complete_undo(session: Session, held: Claim, result: dict[str, Any] | None, publish: Publish) -> None:
    """End a job whose work was undone in FAILURE or REVOKED. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state = ShardState.DONE
    publish(session)
    job.result = result
    assert job.outcome is not None
    end(session, job, job.outcome)


def drop(session: Session, held: Claim) -> None:
    """Give up a shard of a job that is being terminated. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    shard.state = ShardState.WAITING if job.checkpoint else ShardState.DROPPED
    session.flush()
    finish_termination(session, job)


def hand_back(session: Session, held: Claim) -> None:
    """Return a shard to the front of its queue without counting an attempt, and ring for it. Raises: LeaseLost."""
    shard, job = _fenced(session, held), _locked(session, held)
    if _is_terminating(session, job, shard):
        return
    make_ready(session, shard, in_line=False)
    add_ring(session, job, 1)


def fail(
    session: Session,
    held: Claim,
    settings: LedgerSettings,
    *,
    code: str,
    message: str,
    entry: str | None = None,
    retryable: bool,
    publish: Publish,
) -> None:
    """Record a failed attempt: the shard is retried with backoff, or fails for good. Raises: LeaseLost.

    `publish` runs if this ends the job without an undo step.
    """
    shard, job = _fenced(session, held), _locked(session, held)
    count_failure(session, shard, job, settings, error_record(code, message, entry), retryable, publish)


def count_failure(
    session: Session,
    shard: Shard,
    job: Job,
    settings: LedgerSettings,
    error: dict[str, Any],
    retryable: bool,
    publish: Publish,
) -> None:
    """The only place that decides whether a failed attempt is retried."""
    shard.attempts += 1
    shard.error = error
    job.attempts = max(job.attempts, shard.attempts)
    if job.outcome is not None and shard.step != Step.UNDO:
        shard.state = ShardState.WAITING if job.checkpoint else ShardState.DROPPED
        finish_termination(session, job)
    elif retryable and shard.attempts < settings.attempts:
        shard.state = ShardState.WAITING
        shard.not_before = now(session) + backoff(settings, shard.attempts)
        count_retry(session, job)
        if shard.step != Step.UNDO:
            job.error = error
            move(job, JobState.RETRY)
    elif shard.step == Step.UNDO:
        _end_unclean(session, job, shard, error, publish)
    else:
        shard.state = ShardState.FAILED
        begin_termination(session, job, JobState.FAILURE, error, checkpoint=retryable)
        if retryable:
            publish(session)


def count_retry(session: Session, job: Job) -> None:
    """Count a failed attempt that will be retried."""
    kind = job.kind
    count(session, lambda metrics: metrics.shard_retries.labels(kind).inc())


def backoff(settings: LedgerSettings, attempts: int) -> timedelta:
    """Exponential, with full jitter over the upper half, so that many failed shards do not return at the same time."""
    ceiling = min(settings.backoff_ceiling_seconds, settings.backoff_seconds * 2 ** (attempts - 1))
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))


def _end_unclean(session: Session, job: Job, shard: Shard, error: dict[str, Any], publish: Publish) -> None:
    shard.state = ShardState.FAILED
    publish(session)
    assert job.outcome is not None
    if job.error is None:
        job.error = error
    job.result = {"leftovers": error}
    end(session, job, job.outcome)


def _insert(session: Session, job: Job, plans: Iterable[ShardPlan], first: int) -> int:
    precedence = precedence_of(job, in_line=True)
    rank, distance = next_turn(session, job.queue, job.project_id)
    rows: list[dict[str, Any]] = []
    count = 0
    for count, item in enumerate(plans, start=1):
        rows.append(
            {
                "job_id": job.id,
                "project_id": job.project_id,
                "queue": job.queue,
                "step": Step.RUN,
                "number": first + count - 1,
                "state": ShardState.READY,
                "precedence": precedence,
                "rank": rank + (count - 1) * distance,
                "spec": item.spec,
                "attempts": 0,
                "token": 0,
                "files_done": 0,
                "bytes_done": 0,
            }
        )
        if len(rows) == INSERT_ROWS:
            session.execute(Shard.__table__.insert(), rows)  # type: ignore[attr-defined]  # a mapped class's table
            rows = []
    if rows:
        session.execute(Shard.__table__.insert(), rows)  # type: ignore[attr-defined]  # a mapped class's table
    return count


def _is_terminating(session: Session, job: Job, shard: Shard | None = None) -> bool:
    if job.outcome is None or (shard is not None and shard.step == Step.UNDO):
        return False
    if shard is not None:
        shard.state = ShardState.WAITING if job.checkpoint else ShardState.DROPPED
    session.flush()
    finish_termination(session, job)
    return True


def _progress(session: Session, shard: Shard, files: int, size_bytes: int) -> None:
    more_files = max(0, files - shard.files_done)
    more_bytes = max(0, size_bytes - shard.bytes_done)
    if shard.step != Step.RUN or not (more_files or more_bytes):
        return
    shard.files_done += more_files
    shard.bytes_done += more_bytes
    values = {"files_done": Job.files_done + more_files, "bytes_done": Job.bytes_done + more_bytes}
    session.execute(update(Job).where(Job.id == shard.job_id).values(**values))


def _fenced(session: Session, held: Claim) -> Shard:
    shard = session.scalars(
        select(Shard).where(Shard.id == held.shard_id).with_for_update(), execution_options=FRESH
    ).first()
    if shard is None or shard.token != held.token or shard.state != ShardState.LEASED:
        raise LeaseLost(f"shard {held.number} of job {held.job_id} was given to another worker")
    return shard


def _locked(session: Session, held: Claim) -> Job:
    return session.scalars(
        select(Job).where(Job.id == held.job_id).with_for_update(), execution_options=FRESH
    ).one()


def _phase(step: Step, present: str) -> str:
    return {Step.PLAN: "planning", Step.FINISH: "finishing", Step.UNDO: "cleaning up"}.get(step, present)
