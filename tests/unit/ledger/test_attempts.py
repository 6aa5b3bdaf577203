"""Attempts: a failed shard is tried again with growing pauses, a bounded number of times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jobs.ledger_desk import LedgerDesk

from datacenter.ledger.leases import backoff
from datacenter.ledger.states import JobState, ShardState, Step
from datacenter.settings.model import LedgerSettings


def test_a_failure_that_may_pass_is_tried_again_after_a_pause(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)

    desk.fail(held, retryable=True)

    job = desk.job(job_id)
    assert (job.state, job.attempts) == (JobState.RETRY, 1)
    assert job.error is not None
    assert job.error["code"] == "BROKEN"
    (shard,) = desk.shards(job_id, ShardState.WAITING)
    assert shard.not_before is not None
    pause = shard.not_before - datetime.now(UTC)
    assert timedelta(seconds=10) < pause <= timedelta(seconds=31)
    assert desk.claim_any() is None
    desk.pass_time()
    again = desk.claim()
    assert (again.shard_id, again.attempts) == (held.shard_id, 1)
    assert desk.job(job_id).state == JobState.STARTED


@given(st.integers(1, 60))
def test_pauses_double_up_to_a_ceiling_with_jitter(attempts: int) -> None:
    settings = LedgerSettings(backoff_seconds=1, backoff_ceiling_seconds=300)

    seconds = backoff(settings, attempts).total_seconds()

    ceiling = min(300, 2 ** (attempts - 1))
    assert ceiling / 2 <= seconds <= ceiling


def test_a_job_that_recovers_shows_no_error_at_its_end(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.fail(held, retryable=True)
    desk.pass_time()
    desk.done(desk.claim())
    desk.finished(desk.claim())

    job = desk.job(job_id)
    assert (job.state, job.error, job.attempts) == (JobState.SUCCESS, None, 1)


def test_the_work_is_kept_when_attempts_run_out_on_a_failure_that_may_pass(desk: LedgerDesk) -> None:
    job_id, held = desk.started(3)
    desk.done(held[0])
    desk.done(held[1])
    desk.fail(held[2], retryable=True)
    for _ in range(2):
        desk.pass_time()
        desk.fail(desk.claim(), retryable=True)

    job = desk.job(job_id)
    assert (job.state, job.checkpoint, job.open_shards) == (JobState.FAILURE, True, 0)
    assert desk.interrupted == [job_id]
    assert desk.claim_any() is None
    desk.pass_time()
    assert desk.claim_any() is None, "nothing of a failed job is due again by itself"


def test_a_failure_for_good_is_cleaned_up_after_and_keeps_its_error(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)
    desk.fail(held[0], retryable=False, code="CORRUPT")
    assert desk.claim_any() is None, "the cleaning waits for the other shard"
    assert desk.extend(held[1]), "the other shard has to stop"

    desk.drop(held[1])

    undo = desk.claim()
    assert (undo.step, desk.job(job_id).phase) == (Step.UNDO, "cleaning up")
    desk.undone(undo)
    job = desk.job(job_id)
    assert job.state == JobState.FAILURE
    assert job.error == {"code": "CORRUPT", "message": "it broke", "entry": None}
    assert desk.interrupted == []


def test_the_first_failure_for_good_is_the_one_that_is_told(desk: LedgerDesk) -> None:
    job_id, held = desk.started(2)
    desk.fail(held[0], retryable=False, code="FIRST")
    desk.fail(held[1], retryable=False, code="SECOND")
    desk.undone(desk.claim())

    job = desk.job(job_id)
    assert job.error is not None
    assert job.error["code"] == "FIRST"


def test_a_plan_that_fails_for_good_is_cleaned_up_after(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    desk.fail(desk.claim(), retryable=False)

    desk.undone(desk.claim())

    assert desk.job(job_id).state == JobState.FAILURE


@pytest.mark.parametrize("retryable", [True, False])
def test_a_cleaning_that_fails_does_not_hide_why_the_job_failed(desk: LedgerDesk, retryable: bool) -> None:
    job_id, (held,) = desk.started(1)
    desk.fail(held, retryable=False, code="CORRUPT")
    while (undo := desk.claim_any()) is not None:
        desk.fail(undo, retryable=retryable, code="STORAGE_DENIED")
        desk.pass_time()

    job = desk.job(job_id)
    assert job.state == JobState.FAILURE
    assert job.error is not None
    assert job.error["code"] == "CORRUPT"
    assert job.result is not None
    assert job.result["leftovers"]["code"] == "STORAGE_DENIED"
    assert desk.interrupted == [job_id]


def test_a_shard_that_fails_while_its_job_is_being_cancelled_does_not_keep_it(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.cancel(job_id)

    desk.fail(held, retryable=True)

    desk.undone(desk.claim())
    assert desk.job(job_id).state == JobState.REVOKED
