"""After: a job waits for others; what it needs must succeed, what it only waits for may end in any way."""

from datetime import UTC, datetime, timedelta

import pytest
from support.jobs.ledger_desk import LedgerDesk

from datacenter.ledger.states import JobState, Step


def end(desk: LedgerDesk, *, well: bool = True) -> str:
    """Carry the next job to its end; its id."""
    held = desk.claim()
    if well:
        desk.planned(held, 0)
        desk.finished(desk.claim())
    else:
        desk.fail(held, retryable=False)
        desk.undone(desk.claim())
    return held.job_id


def test_a_chain_runs_one_after_another(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    second = desk.enqueue(after=(first,))
    third = desk.enqueue(after=(second,))

    assert [end(desk), end(desk), end(desk)] == [first, second, third]
    assert desk.claim_any() is None


def test_a_job_waits_for_all_that_it_names(desk: LedgerDesk) -> None:
    group = {desk.enqueue() for _ in range(3)}
    last = desk.enqueue(after=tuple(group))

    assert {end(desk), end(desk), end(desk)} == group
    assert end(desk) == last


def test_a_failed_predecessor_fails_the_whole_chain(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    second = desk.enqueue(after=(first,))
    third = desk.enqueue(after=(second,))

    end(desk, well=False)
    desk.undone(desk.claim())
    desk.undone(desk.claim())

    for job_id in (second, third):
        job = desk.job(job_id)
        assert job.state == JobState.FAILURE
        assert job.error is not None
        assert job.error["code"] == "DEPENDENCY_FAILED"
    assert first in (desk.job(second).error or {})["message"]


def test_a_cancelled_predecessor_fails_those_that_need_it(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    second = desk.enqueue(after=(first,))
    desk.cancel(first)

    desk.undone(desk.claim())

    undo = desk.claim()
    assert (undo.job_id, undo.step) == (second, Step.UNDO)


@pytest.mark.parametrize("well", [True, False])
def test_a_job_that_waits_for_any_end_begins_however_the_other_ended(desk: LedgerDesk, well: bool) -> None:
    first = desk.enqueue()
    second = desk.enqueue(after_any_end=[first])

    assert end(desk, well=well) == first

    assert end(desk) == second
    assert desk.job(second).state == JobState.SUCCESS


def test_jobs_that_have_ended_are_not_waited_for(desk: LedgerDesk) -> None:
    done, failed = desk.succeeded(), desk.failed()

    fine = desk.enqueue(after=(done,), after_any_end=[failed, "forgotten long ago"])
    doomed = desk.enqueue(after=(failed,))

    assert desk.claim().job_id in (fine, doomed)
    assert desk.job(doomed).outcome == JobState.FAILURE
    assert desk.job(fine).outcome is None


def test_a_time_counts_after_the_wait(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    second = desk.enqueue(after=(first,), not_before=datetime.now(UTC) + timedelta(hours=1))

    end(desk)

    assert desk.claim_any() is None
    desk.pass_time()
    assert desk.claim().job_id == second


def test_a_time_alone_does_not_begin_a_job_that_waits_for_another(desk: LedgerDesk) -> None:
    first = desk.enqueue()
    desk.enqueue(after=(first,), not_before=datetime.now(UTC) + timedelta(hours=1))
    desk.claim()

    desk.pass_time()

    assert desk.claim_any() is None


def test_a_retried_predecessor_lets_a_retried_job_go_on(desk: LedgerDesk) -> None:
    first = desk.failed()
    second = desk.enqueue(after=(first,))
    desk.undone(desk.claim())
    desk.retry(first)
    end(desk)

    desk.retry(second)

    assert end(desk) == second
