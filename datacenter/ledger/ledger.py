"""The client's side of the ledger: enqueue, find, cancel and retry jobs."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.errors import Invalid, JobFinished, JobNotRetryable, NotFound
from datacenter.ledger.counting import count
from datacenter.ledger.models import Job, JobDataset, JobDependency, Shard
from datacenter.ledger.moves import (
    add_ring,
    add_step,
    begin_termination,
    end,
    make_ready,
    move,
    release,
    settle_dependencies,
)
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import FINISHED, JobKind, JobState, ShardState, Step
from datacenter.observability.context import actor, origin_of_job


def enqueue(
    session: Session,
    *,
    project_id: str,
    kind: JobKind,
    payload: dict[str, Any],
    dataset_ids: Iterable[str] = (),
    options: JobOptions = JobOptions(),
    after_any_end: Collection[str] = (),
    job_id: str | None = None,
) -> Job:
    """Add a job with its plan shard and its ring to the caller's transaction; nothing is visible before the commit.

    The job waits for the jobs in `after_any_end` to end in any state; those in `options.after` must succeed.

    Raises:
        Invalid: a job in `options.after` does not exist in this project.
    """
    waits_for = dict.fromkeys(options.after, True) | dict.fromkeys(after_any_end, False)
    # Locked until the commit: a job that ends meanwhile would not see that a new job waits for it.
    awaited = select(Job).where(Job.id.in_(waits_for)).order_by(Job.id).with_for_update()
    known = {job.id for job in session.scalars(awaited) if job.project_id == project_id} if waits_for else ()
    missing = set(options.after).difference(known)
    if missing:
        raise Invalid(f"after: there is no job {min(missing)}", field="after")
    job_id = job_id or new_id()
    job = Job(
        id=job_id,
        project_id=project_id,
        kind=kind,
        queue=kind.value,
        state=JobState.PENDING,
        payload=payload,
        priority=options.priority,
        not_before=options.not_before,
        notify=list(options.notify),
        open_shards=1,
        origin=origin_of_job(job_id, kind.value),
        created_by=actor(),
        created_at=now(session),
    )
    session.add(job)
    session.flush()
    session.add_all(
        JobDataset(job_id=job.id, dataset_id=dataset_id) for dataset_id in sorted(set(dataset_ids))
    )
    session.add_all(
        JobDependency(job_id=job.id, after_id=after, needs_success=needs)
        for after, needs in waits_for.items()
    )
    session.add(
        Shard(
            job_id=job.id,
            project_id=project_id,
            queue=job.queue,
            step=Step.PLAN,
            number=0,
            state=ShardState.WAITING,
            precedence=-job.priority,
            rank=0,
            spec={},
        )
    )
    session.flush()
    count(session, lambda metrics: metrics.jobs_submitted.labels(kind.value).inc())
    if waits_for:
        settle_dependencies(session, job.id)
    else:
        release(session, job, job.created_at)
    return job


def find_job(session: Session, project_id: str | None, job_id: str) -> Job:
    """A job of this project; of any project for None. Raises: NotFound."""
    job = session.get(Job, job_id)
    if job is None or project_id not in (None, job.project_id):
        raise NotFound(f"there is no job {job_id}")
    return job


def list_jobs(
    session: Session,
    project_id: str | None,
    *,
    kind: JobKind | None = None,
    state: JobState | None = None,
    dataset_id: str | None = None,
    before_id: str | None = None,
    limit: int,
) -> list[Job]:
    """The jobs of this project, of all for None, newest first, older than `before_id`."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(Job.project_id == project_id)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    if dataset_id is not None:
        query = query.join(JobDataset, JobDataset.job_id == Job.id).where(JobDataset.dataset_id == dataset_id)
    if before_id is not None:
        query = query.where(Job.id < before_id)
    return list(session.scalars(query))


def dataset_ids_of(session: Session, job_ids: Collection[str]) -> dict[str, list[str]]:
    """The datasets of each job."""
    by_job: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    for row in session.scalars(select(JobDataset).where(JobDataset.job_id.in_(job_ids))):
        by_job[row.job_id].append(row.dataset_id)
    return by_job


def after_ids_of(session: Session, job_ids: Collection[str]) -> dict[str, list[str]]:
    """The jobs that each job waits for."""
    by_job: dict[str, list[str]] = {job_id: [] for job_id in job_ids}
    for row in session.scalars(select(JobDependency).where(JobDependency.job_id.in_(job_ids))):
        by_job[row.job_id].append(row.after_id)
    return by_job


def request_cancel(session: Session, project_id: str, job_id: str) -> Job:
    """Cancel a job by its id; see `cancel`. Raises: NotFound, JobFinished."""
    job = _locked(session, project_id, job_id)
    cancel(session, job)
    return job


def cancel(session: Session, job: Job) -> None:
    """Cancel a job: unclaimed shards are never claimed, running shards stop within a batch, and their work is undone.

    Nothing is kept for a retry, even if the job is already failing. A second cancel changes nothing. The caller has
    locked the row. Raises: JobFinished.
    """
    if job.state in FINISHED:
        raise JobFinished(f"job {job.id} has already ended in {job.state}")
    if job.cancel_requested_at is not None:
        return
    job.cancel_requested_at = now(session)
    if job.outcome == JobState.FAILURE and job.checkpoint:
        # The job is failing and waits for its leased shards; no retry will need its results.
        job.outcome, job.error, job.checkpoint = JobState.REVOKED, None, False
    begin_termination(session, job, JobState.REVOKED, None, checkpoint=False)


def has_started(session: Session, job: Job) -> bool:
    """Whether a worker has started a job or may start it at any moment: the job waits for no time and no other job."""
    ready = select(Shard.id).where(
        Shard.job_id == job.id, Shard.state.in_((ShardState.READY, ShardState.LEASED))
    )
    return job.started_at is not None or session.execute(ready.limit(1)).first() is not None


def withdraw(session: Session, job: Job) -> bool:
    """Revoke a job that no worker has ever started; False when it is too late.

    A job that was cancelled or failed before its start counts as withdrawn.
    """
    shards = session.scalars(select(Shard).where(Shard.job_id == job.id).with_for_update()).all()
    if job.started_at is not None or any(shard.token and shard.step != Step.UNDO for shard in shards):
        return False
    if job.state in FINISHED:
        return True
    session.execute(update(Shard).where(Shard.job_id == job.id).values(state=ShardState.DROPPED))
    end(session, job, JobState.REVOKED)
    return True


def retry(session: Session, project_id: str, job_id: str) -> Job:
    """Resume a failed or revoked job: from its last checkpoint if its work was kept, else from the start.

    Raises: NotFound, JobNotRetryable.
    """
    job = _locked(session, project_id, job_id)
    if job.state not in (JobState.FAILURE, JobState.REVOKED):
        raise JobNotRetryable(f"job {job_id} is {job.state}; only FAILURE and REVOKED can be retried")
    if job.open_shards:
        raise JobNotRetryable(f"the clean-up of job {job_id} is still running; try again in a minute")
    move(job, JobState.PENDING)
    has_checkpoint, job.checkpoint = job.checkpoint, False
    job.outcome = job.error = job.result = job.finished_at = job.cancel_requested_at = job.not_before = None
    job.phase = "waiting"
    job.origin = origin_of_job(job.id, job.kind) or job.origin
    if has_checkpoint:
        _resume(session, job)
    else:
        session.execute(delete(Shard).where(Shard.job_id == job.id))
        job.files_done = job.bytes_done = job.attempts = 0
        job.files_total = job.bytes_total = None
        add_step(session, job, Step.PLAN, in_line=True)
    return job


def _resume(session: Session, job: Job) -> None:
    stopped = (ShardState.FAILED, ShardState.WAITING, ShardState.DROPPED)
    shards = session.scalars(select(Shard).where(Shard.job_id == job.id, Shard.state.in_(stopped))).all()
    for shard in shards:
        shard.attempts, shard.error = 0, None
        make_ready(session, shard, in_line=True)
        session.flush()
    job.open_shards = len(shards)
    add_ring(session, job, job.open_shards)


def _locked(session: Session, project_id: str, job_id: str) -> Job:
    # Read again with the lock, even if this session has read it before.
    query = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = session.scalars(query).first()
    if job is None or job.project_id != project_id:
        raise NotFound(f"there is no job {job_id}")
    return job
