"""Retry: from the last checkpoint when the work was kept, else from the start."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from support.jobs.ledger_desk import LedgerDesk

from datacenter.database.engine import now
from datacenter.errors import JobNotRetryable, NotFound
from datacenter.ledger.leases import Claim
from datacenter.ledger.models import Job, OutboxMessage
from datacenter.ledger.states import JobState, Step
from jobs.scheduler.sweep import undo_old_checkpoints


def interrupted(desk: LedgerDesk, shards: int = 4, **options: object) -> tuple[str, list[Claim]]:
    """A job that failed while its work is kept; two of its shards are done."""
    job_id, held = desk.started(shards, **options)
    desk.done(held[0])
    desk.done(held[1])
    last = held[2]
    for _ in range(3):
        desk.fail(last, retryable=True)
        desk.pass_time()
        last = desk.claim_any() or last
    for other in held[3:]:
        desk.drop(other)
    assert desk.job(job_id).state == JobState.FAILURE
    return job_id, held


def test_done_shards_are_not_done_again(desk: LedgerDesk) -> None:
    job_id, held = interrupted(desk)
    assert desk.job(job_id).files_done == 20

    desk.retry(job_id)

    job = desk.job(job_id)
    assert (job.state, job.error, job.finished_at, job.checkpoint) == (JobState.PENDING, None, None, False)
    assert (job.files_done, job.open_shards) == (20, 2)
    again = [desk.claim(), desk.claim()]
    assert {each.shard_id for each in again} == {held[2].shard_id, held[3].shard_id}
    assert {each.attempts for each in again} == {0}
    for each in again:
        desk.done(each)
    desk.finished(desk.claim())
    assert desk.job(job_id).state == JobState.SUCCESS
    assert desk.job(job_id).files_done == 40


def test_a_retry_rings(desk: LedgerDesk) -> None:
    job_id, _ = interrupted(desk)
    before = len(desk.rings(job_id))

    desk.retry(job_id)

    assert len(desk.rings(job_id)) > before


def test_without_kept_work_it_begins_anew(desk: LedgerDesk) -> None:
    job_id = desk.failed()

    desk.retry(job_id)

    job = desk.job(job_id)
    assert (job.state, job.files_done, job.files_total, job.attempts) == (JobState.PENDING, 0, None, 0)
    held = desk.claim()
    assert (held.job_id, held.step) == (job_id, Step.PLAN)
    desk.planned(held, 2)
    for _ in range(2):
        desk.done(desk.claim())
    desk.finished(desk.claim())
    assert desk.job(job_id).state == JobState.SUCCESS


def test_a_revoked_job_begins_anew(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)
    desk.cancel(job_id)
    for each in held:
        desk.drop(each)
    desk.undone(desk.claim())

    desk.retry(job_id)

    assert desk.claim().step == Step.PLAN
    assert desk.job(job_id).cancel_requested_at is None


def test_retried_jobs_stand_in_line(desk: LedgerDesk) -> None:
    failed = desk.failed()
    waiting = desk.enqueue()

    desk.retry(failed)

    assert [desk.claim().job_id, desk.claim().job_id] == [waiting, failed]


def test_a_job_that_has_not_failed_is_refused(desk: LedgerDesk) -> None:
    for job_id in (desk.succeeded(), desk.enqueue()):
        with pytest.raises(JobNotRetryable):
            desk.retry(job_id)


def test_twice_is_refused_the_second_time(desk: LedgerDesk) -> None:
    job_id = desk.failed()
    desk.retry(job_id)

    with pytest.raises(JobNotRetryable):
        desk.retry(job_id)


def test_a_job_of_another_project_is_not_found(desk: LedgerDesk) -> None:
    job_id = desk.failed()

    with pytest.raises(NotFound):
        desk.retry(job_id, project="project-b")


def expire_checkpoints(desk: LedgerDesk, keep_seconds: float = 3600) -> None:
    desk.run(lambda session: undo_old_checkpoints(session, keep_seconds))


def age(desk: LedgerDesk, job_id: str) -> None:
    desk.run(
        lambda session: session.execute(
            update(Job).where(Job.id == job_id).values(finished_at=now(session) - timedelta(hours=2))
        )
    )


def test_kept_work_is_undone_when_nobody_retries(desk: LedgerDesk) -> None:
    hook = {"url": "https://example.org/hook", "on": ["FAILURE"]}
    job_id, _ = interrupted(desk, notify=(hook,))
    notices = desk.count(OutboxMessage) - len(desk.rings())
    expire_checkpoints(desk)
    assert desk.claim_any() is None, "it is not old enough"
    age(desk, job_id)

    expire_checkpoints(desk)
    expire_checkpoints(desk)

    undo = desk.claim()
    assert undo.step == Step.UNDO
    with pytest.raises(JobNotRetryable):
        desk.retry(job_id)
    ended = desk.job(job_id).finished_at
    desk.undone(undo)
    assert desk.claim_any() is None
    job = desk.job(job_id)
    assert (job.state, job.checkpoint, job.finished_at) == (JobState.FAILURE, False, ended)
    assert desk.count(OutboxMessage) - len(desk.rings()) == notices == 1, "each notice is posted once"
    desk.retry(job_id)
    assert desk.claim().step == Step.PLAN


def test_a_retried_job_is_not_undone_by_age(desk: LedgerDesk) -> None:
    job_id, _ = interrupted(desk)
    age(desk, job_id)
    desk.retry(job_id)

    expire_checkpoints(desk)

    assert desk.claim().step == Step.RUN
