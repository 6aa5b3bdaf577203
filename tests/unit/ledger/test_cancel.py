"""Cancel: a job stops wherever it stands, is undone, and ends in REVOKED; one that has ended is left alone."""

import pytest
from support.jobs.ledger_desk import LedgerDesk

from datacenter.errors import JobFinished, NotFound
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobState, ShardState, Step


def ends_revoked(desk: LedgerDesk, job_id: str) -> None:
    undo = desk.claim()
    assert (undo.job_id, undo.step) == (job_id, Step.UNDO)
    desk.undone(undo)
    job = desk.job(job_id)
    assert (job.state, job.open_shards) == (JobState.REVOKED, 0)
    assert job.finished_at is not None
    assert desk.claim_any() is None


def test_before_anybody_claims_it(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()

    desk.cancel(job_id)

    ends_revoked(desk, job_id)


def test_while_it_waits_for_another_job(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    job_id = desk.enqueue(after=(first,))
    desk.cancel(job_id)
    desk.run(lambda session: None)
    undo = desk.claim()
    assert undo.job_id == job_id
    desk.undone(undo)

    desk.planned(desk.claim(), 0)
    desk.finished(desk.claim())

    assert desk.job(job_id).state == JobState.REVOKED
    assert desk.claim_any() is None, "the end of the first does not wake it"


def test_while_its_plan_is_leased(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    held = desk.claim()
    desk.cancel(job_id)
    assert desk.claim_any() is None

    desk.planned(held, 5)

    assert [shard.step for shard in desk.shards(job_id)] == [Step.PLAN, Step.UNDO], (
        "no shard of the plan is kept"
    )
    ends_revoked(desk, job_id)


def test_while_its_shards_are_leased(desk: LedgerDesk) -> None:
    job_id, held = desk.started(3)
    assert not desk.extend(held[0])
    desk.cancel(job_id)

    assert desk.extend(held[0])
    desk.drop(held[0])
    desk.done(held[1])
    assert desk.claim_any() is None, "the cleaning waits for the last of them"
    desk.drop(held[2])

    ends_revoked(desk, job_id)


def test_while_a_shard_waits_for_its_next_attempt(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.fail(held, retryable=True)

    desk.cancel(job_id)

    desk.pass_time()
    ends_revoked(desk, job_id)


def test_while_its_finish_is_leased_nothing_is_published(desk: LedgerDesk) -> None:
    job_id, finish = desk.finishing()
    desk.cancel(job_id)

    desk.finished(finish, lambda _: pytest.fail("published"))

    ends_revoked(desk, job_id)


def test_while_it_fails_and_waits_for_its_leased_shards_the_work_is_not_kept(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)
    for _ in range(3):
        desk.fail(held[0], retryable=True)
        desk.pass_time()
        again = desk.claim_any()
        held[0] = again or held[0]
    assert desk.job(job_id).outcome == JobState.FAILURE

    desk.cancel(job_id)
    desk.drop(held[1])

    ends_revoked(desk, job_id)


def test_while_it_is_cleaned_up_after_a_failure_it_still_ends_in_failure(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.fail(held, retryable=False)
    undo = desk.claim()

    desk.cancel(job_id)

    assert not desk.extend(undo), "the cleaning goes on"
    desk.undone(undo)
    assert desk.job(job_id).state == JobState.FAILURE


def test_twice_changes_nothing(desk: LedgerDesk) -> None:
    job_id, _ = desk.started(1)
    desk.cancel(job_id)
    asked = desk.job(job_id).cancel_requested_at

    desk.cancel(job_id)

    assert desk.job(job_id).cancel_requested_at == asked


def test_after_its_end_it_is_refused(desk: LedgerDesk) -> None:
    done, failed = desk.succeeded(), desk.failed()

    for job_id in (done, failed):
        with pytest.raises(JobFinished):
            desk.cancel(job_id)


def test_a_job_of_another_project_is_not_found(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()

    with pytest.raises(NotFound):
        desk.cancel(job_id, project="project-b")
    assert desk.job(job_id).cancel_requested_at is None


def withdraw(desk: LedgerDesk, job_id: str) -> bool:
    return desk.run(lambda session: ledger.withdraw(session, session.get_one(Job, job_id)))


def test_a_job_that_was_never_claimed_can_be_withdrawn_without_a_trace(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()

    assert withdraw(desk, job_id)

    assert desk.job(job_id).state == JobState.REVOKED
    assert [shard.state for shard in desk.shards(job_id)] == [ShardState.DROPPED]
    assert desk.claim_any() is None


def test_a_job_that_was_claimed_cannot_be_withdrawn(desk: LedgerDesk) -> None:
    ended = desk.succeeded()
    job_id = desk.enqueue()
    desk.hand_back(desk.claim())

    assert not withdraw(desk, job_id)
    assert not withdraw(desk, ended)


def test_a_job_that_was_cancelled_before_any_work_can_still_be_withdrawn(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    desk.cancel(job_id)
    assert withdraw(desk, job_id)

    again = desk.enqueue()
    desk.cancel(again)
    desk.undone(desk.claim())
    assert withdraw(desk, again)

    assert desk.job(job_id).state == desk.job(again).state == JobState.REVOKED
    assert desk.claim_any() is None
