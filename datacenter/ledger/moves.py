"""Moves of jobs and shards between states: the rules that all writers of the ledger share."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from datacenter.access.models import Project
from datacenter.database.engine import now
from datacenter.ledger.counting import count
from datacenter.ledger.models import Job, JobDependency, OutboxMessage, Shard
from datacenter.ledger.states import FINISHED, MOVES, JobState, ShardState, Step

RELAY_GRACE = timedelta(seconds=1)
"""The relay leaves a new message to the process that committed it."""
TURN = 1_000
"""The distance between two turns of a project with weight 1; others have it divided by their weight."""
FRONT = 1_000
"""More than any priority."""
MAX_RINGS = 32
"""Rings for one job's shards; a worker that gets a ring claims shard after shard."""


def move(job: Job, state: JobState) -> None:
    """Change a job's state; an impossible move is a bug of ours."""
    if state != job.state and state not in MOVES[job.state]:
        raise AssertionError(f"job {job.id} cannot go from {job.state} to {state}")
    job.state = state


def error_record(code: str, message: str, entry: str | None = None) -> dict[str, Any]:
    """The shape of an error in the ledger."""
    return {"code": code, "message": message, "entry": entry}


def add_step(session: Session, job: Job, step: Step, *, in_line: bool = False) -> None:
    """Add the single shard of a plan, finish or undo step, at the front of its queue or in line, and ring."""
    number = session.scalar(
        select(func.count()).select_from(Shard).where(Shard.job_id == job.id, Shard.step == step)
    )
    session.add(
        Shard(
            job_id=job.id,
            project_id=job.project_id,
            queue=job.queue,
            step=step,
            number=number or 0,
            state=ShardState.READY,
            precedence=precedence_of(job, in_line=in_line),
            rank=_turn(session, job.queue, job.project_id, in_line=in_line),
            spec={},
        )
    )
    job.open_shards = 1
    add_ring(session, job, 1)


def add_ring(session: Session, job: Job, times: int) -> None:
    """Add rings for the job's queue to the transaction that makes them necessary."""
    session.add(
        OutboxMessage(
            kind="ring",
            queue=job.queue,
            job_id=job.id,
            payload={"times": min(times, MAX_RINGS)},
            due_at=now(session) + RELAY_GRACE,
        )
    )


def make_ready(session: Session, shard: Shard, *, in_line: bool) -> None:
    """Make a shard claimable: with its project's next turn, or at the front of the queue."""
    job = session.get_one(Job, shard.job_id)
    place = _turn(session, shard.queue, shard.project_id, in_line=in_line)
    shard.precedence = precedence_of(job, in_line=in_line)
    shard.state, shard.rank, shard.not_before, shard.owner = ShardState.READY, place, None, None


def precedence_of(job: Job, *, in_line: bool) -> int:
    """The order within the project: first what is at the front, then the job's priority, then age."""
    return -job.priority - (0 if in_line else FRONT)


def _turn(session: Session, queue: str, project_id: str, *, in_line: bool) -> int:
    return next_turn(session, queue, project_id)[0] if in_line else front_rank(session, queue)


def begin_termination(
    session: Session, job: Job, outcome: JobState, error: dict[str, Any] | None, *, checkpoint: bool
) -> None:
    """Begin to end a job that will not succeed: no shard is claimed any more, leased shards stop at their next check."""
    if job.state in FINISHED or job.outcome is not None:
        return
    job.outcome, job.checkpoint = outcome, checkpoint
    job.error = error
    idle = (ShardState.READY, ShardState.WAITING)
    unclaimed = (Shard.job_id == job.id, Shard.state.in_(idle))
    new_state = ShardState.WAITING if checkpoint else ShardState.DROPPED
    session.execute(update(Shard).where(*unclaimed).values(state=new_state, not_before=None))
    finish_termination(session, job)


def finish_termination(session: Session, job: Job) -> None:
    """Once no shard of the job is leased, undo its work, or end it at once if its work is kept for a retry."""
    leased = (
        select(func.count())
        .select_from(Shard)
        .where(Shard.job_id == job.id, Shard.state == ShardState.LEASED)
    )
    session.flush()
    if session.scalar(leased):
        return
    assert job.outcome is not None
    if job.checkpoint:
        end(session, job, job.outcome)
    else:
        job.phase = "cleaning up"
        add_step(session, job, Step.UNDO)


def end(session: Session, job: Job, state: JobState) -> None:
    """Finish a job, queue its webhooks, and release the jobs that wait for it."""
    if job.state == JobState.PENDING and state == JobState.SUCCESS:
        raise AssertionError("a job that was never claimed cannot succeed")
    if job.state == JobState.RETRY and state == JobState.SUCCESS:
        move(job, JobState.STARTED)
    if job.state in FINISHED:
        # Its work was kept for a retry that never came, and is removed now; the webhooks were sent long ago.
        job.open_shards = 0
        return
    move(job, state)
    moment = now(session)
    job.finished_at, job.open_shards = moment, 0
    job.phase = "done" if state == JobState.SUCCESS else job.phase
    _count_end(session, job, (moment - job.created_at).total_seconds())
    for hook in job.notify:
        if state in hook["on"]:
            message = OutboxMessage(
                kind="notify", queue=job.queue, job_id=job.id, payload={"url": hook["url"]}, due_at=moment
            )
            session.add(message)
    session.flush()
    waiting = select(JobDependency.job_id).where(JobDependency.after_id == job.id)
    for job_id in session.scalars(waiting).all():
        settle_dependencies(session, job_id)


def _count_end(session: Session, job: Job, seconds: float) -> None:
    kind, state = job.kind, job.state
    count(session, lambda metrics: metrics.jobs_finished.labels(kind, state).inc())
    count(session, lambda metrics: metrics.job_seconds.labels(kind).observe(max(0.0, seconds)))


def settle_dependencies(session: Session, job_id: str) -> None:
    """Release a waiting job when all its predecessors have ended; end it if one that must succeed did not."""
    # Locked: if two predecessors end at the same time, the second sees that the first has ended.
    job = session.get(Job, job_id, populate_existing=True, with_for_update=True)
    if job is None or job.state != JobState.PENDING or job.outcome is not None:
        return
    rows = session.execute(
        select(Job.id, Job.state, JobDependency.needs_success)
        .select_from(JobDependency)
        .outerjoin(Job, Job.id == JobDependency.after_id)
        .where(JobDependency.job_id == job_id)
    ).all()
    for after_id, state, needs_success in rows:
        if needs_success and state in FINISHED and state != JobState.SUCCESS:
            detail = f"this job needed the success of job {after_id}, which ended in {state}"
            begin_termination(
                session, job, JobState.FAILURE, error_record("DEPENDENCY_FAILED", detail), checkpoint=False
            )
            return
    if any(after_id is not None and state not in FINISHED for after_id, state, _ in rows):
        return
    release(session, job, now(session))


def release(session: Session, job: Job, moment: datetime) -> None:
    """Make a job's waiting plan claimable, now or at its `not_before`."""
    plan = session.scalars(
        select(Shard).where(
            Shard.job_id == job.id, Shard.step == Step.PLAN, Shard.state == ShardState.WAITING
        )
    ).first()
    if plan is None:
        return
    if job.not_before is not None and job.not_before > moment:
        plan.not_before = job.not_before
        return
    make_ready(session, plan, in_line=True)
    add_ring(session, job, 1)


def front_rank(session: Session, queue: str) -> int:
    """The turn before all others: for returned shards, and for shards that block their whole job."""
    lowest = _lowest_rank(session, queue)
    return lowest - 1 if lowest is not None else 0


def next_turn(session: Session, queue: str, project_id: str) -> tuple[int, int]:
    """The project's next turn in a queue, and the distance to those after it: the larger its weight, the nearer.

    A project that has nothing waiting begins with the queue's next turn: it has neither to catch up nor to wait.
    """
    weight = session.scalar(select(Project.weight).where(Project.id == project_id)) or 1
    distance = max(1, TURN // weight)
    own = (Shard.queue == queue, Shard.state == ShardState.READY, Shard.project_id == project_id)
    last = session.scalar(select(func.max(Shard.rank)).where(*own))
    return (last + distance if last is not None else _lowest_rank(session, queue) or 0), distance


def _lowest_rank(session: Session, queue: str) -> int | None:
    ready = (Shard.queue == queue, Shard.state == ShardState.READY)
    return session.scalar(select(func.min(Shard.rank)).where(*ready))
