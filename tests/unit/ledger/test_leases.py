"""Leases: a shard has one holder at a time, and a replaced one changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from support.jobs.ledger_desk import LedgerDesk

from datacenter.database.engine import Base
from datacenter.errors import LeaseLost
from datacenter.ledger import leases
from datacenter.ledger.leases import Claim
from datacenter.ledger.models import Job, OutboxMessage, Shard
from datacenter.ledger.states import JobState, ShardState, Step

Call = Callable[[LedgerDesk, Claim], object]
CALLS: dict[str, Call] = {
    "extend": lambda desk, held: desk.extend(held, files=3),
    "complete_plan": lambda desk, held: desk.planned(held, 2),
    "complete_shard": lambda desk, held: desk.done(held),
    "complete_wave": lambda desk, held: desk.run(lambda session: leases.complete_wave(session, held, [])),
    "complete_finish": lambda desk, held: desk.finished(held, lambda _: pytest.fail("published")),
    "complete_undo": lambda desk, held: desk.undone(held),
    "fail": lambda desk, held: desk.fail(held, retryable=True),
    "fail for good": lambda desk, held: desk.fail(held, retryable=False),
    "drop": lambda desk, held: desk.drop(held),
    "hand_back": lambda desk, held: desk.hand_back(held),
}


def everything(desk: LedgerDesk) -> list[dict[str, object]]:
    """Every value of every row."""

    def rows(table: type[Base]) -> list[dict[str, object]]:
        return desk.read(
            lambda session: [dict(row._mapping) for row in session.execute(select(table.__table__))]
        )

    return [row for table in (Job, Shard, OutboxMessage) for row in rows(table)]


@pytest.mark.parametrize("name", CALLS)
def test_whoever_was_replaced_gets_lease_lost_and_changes_nothing(desk: LedgerDesk, name: str) -> None:
    _, (stale,) = desk.started(1)
    desk.lose(stale)
    fresh = desk.claim(owner="worker:2")
    assert (fresh.shard_id, fresh.token) == (stale.shard_id, stale.token + 1)
    before = everything(desk)

    with pytest.raises(LeaseLost):
        CALLS[name](desk, stale)

    assert everything(desk) == before


@pytest.mark.parametrize("name", CALLS)
def test_a_lease_that_was_taken_back_and_is_held_by_nobody_is_lost_too(desk: LedgerDesk, name: str) -> None:
    _, (stale,) = desk.started(1)
    desk.lose(stale)
    before = everything(desk)

    with pytest.raises(LeaseLost):
        CALLS[name](desk, stale)

    assert everything(desk) == before


@pytest.mark.parametrize("name", CALLS)
def test_a_shard_is_completed_once(desk: LedgerDesk, name: str) -> None:
    _, (held, _) = desk.started(2)
    desk.done(held)
    before = everything(desk)

    with pytest.raises(LeaseLost):
        CALLS[name](desk, held)

    assert everything(desk) == before


@pytest.mark.parametrize("name", CALLS)
def test_a_lease_of_an_earlier_life_of_the_job_is_lost(desk: LedgerDesk, name: str) -> None:
    """A retry from the start makes new shards; their ids were never those of the old ones."""
    job_id, (stale, poison) = desk.started(2)
    desk.lose(stale)
    again = desk.claim()
    desk.done(again)
    desk.fail(poison, retryable=False)
    desk.undone(desk.claim())
    desk.retry(job_id)
    desk.planned(desk.claim(), 2)
    held = {desk.claim().shard_id, desk.claim().shard_id}
    assert stale.shard_id not in held
    before = everything(desk)

    with pytest.raises(LeaseLost):
        CALLS[name](desk, stale)

    assert everything(desk) == before


def test_an_expired_lease_gives_the_shard_to_somebody_else(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    assert desk.sweep() == 0
    desk.expire(held)

    assert desk.sweep() == 1
    assert desk.sweep() == 0

    again = desk.claim(owner="worker:2")
    assert (again.shard_id, again.attempts) == (held.shard_id, 1)
    assert desk.job(job_id).state == JobState.STARTED


def test_an_expired_lease_that_nobody_has_taken_back_can_still_be_extended(desk: LedgerDesk) -> None:
    _, (held,) = desk.started(1)
    desk.expire(held)

    desk.extend(held)

    assert desk.sweep() == 0


def test_a_shard_that_is_lost_again_waits_as_after_a_failed_attempt(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.lose(held)
    assert desk.job(job_id).state == JobState.STARTED
    again = desk.claim()

    desk.lose(again)

    assert desk.claim_any() is None
    job = desk.job(job_id)
    assert (job.state, job.attempts) == (JobState.RETRY, 2)
    assert job.error is not None
    assert job.error["code"] == "WORKER_LOST"
    (shard,) = desk.shards(job_id, ShardState.WAITING)
    assert shard.not_before is not None
    pause = shard.not_before - datetime.now(UTC)
    assert timedelta(seconds=25) < pause <= timedelta(seconds=61)
    desk.pass_time()
    desk.done(desk.claim())
    desk.finished(desk.claim())
    job = desk.job(job_id)
    assert (job.state, job.error) == (JobState.SUCCESS, None)


def test_a_shard_that_kills_its_workers_is_given_back_as_often_as_attempts_allow(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.lose(held)
    desk.lose(desk.claim())
    desk.pass_time()
    assert desk.job(job_id).outcome is None

    desk.lose(desk.claim())

    job = desk.job(job_id)
    assert (job.state, job.attempts) == (JobState.FAILURE, 3)
    assert job.error is not None
    assert job.error["code"] == "WORKER_LOST"
    assert "attempt 3 of 3" in job.error["message"]
    assert "killed, probably out of memory" in job.error["message"]
    assert "waited too long for a storage" in job.error["message"]
    assert desk.interrupted == [job_id]
    desk.pass_time()
    assert desk.claim_any() is None, "it is over for good"


def test_what_was_done_before_the_workers_were_lost_is_kept_for_a_retry(desk: LedgerDesk) -> None:
    job_id, (done, lost, other) = desk.started(3)
    desk.done(done)
    desk.lose(lost)
    for _ in range(2):
        desk.lose(desk.claim())
        desk.pass_time()
    assert desk.job(job_id).finished_at is None, "the end waits for the other shard"
    desk.drop(other)
    assert (desk.job(job_id).state, desk.job(job_id).checkpoint) == (JobState.FAILURE, True)

    desk.retry(job_id)

    again = [desk.claim(), desk.claim()]
    assert {each.shard_id for each in again} == {lost.shard_id, other.shard_id}
    for each in again:
        desk.done(each)
    desk.finished(desk.claim())
    assert desk.job(job_id).state == JobState.SUCCESS


def test_all_workers_lost_at_the_last_attempt_end_the_job_once(desk: LedgerDesk) -> None:
    job_id, held = desk.started(3)
    for _ in range(2):
        for each in held:
            desk.expire(each)
        desk.sweep()
        desk.pass_time()
        held = [desk.claim() for _ in held]
    for each in held:
        desk.expire(each)

    assert desk.sweep() == 3

    job = desk.job(job_id)
    assert (job.state, job.checkpoint, job.open_shards) == (JobState.FAILURE, True, 0)
    assert desk.interrupted == [job_id]
    assert desk.shards(job_id, ShardState.LEASED) == []


def test_a_worker_lost_in_the_cleaning_does_not_leave_the_job_open(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.fail(held, retryable=False)
    for _ in range(3):
        desk.lose(desk.claim())
        desk.pass_time()

    job = desk.job(job_id)
    assert job.state == JobState.FAILURE
    assert job.error is not None
    assert job.error["code"] == "BROKEN"
    assert job.result is not None
    assert job.result["leftovers"]["code"] == "WORKER_LOST"
    assert desk.interrupted == [job_id], "a client that waits for the job's dataset must see that it failed"


def test_a_silent_worker_of_a_cancelled_job_does_not_hold_its_end_up(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.cancel(job_id)
    assert desk.claim_any() is None

    desk.lose(held)

    undo = desk.claim()
    assert undo.step == Step.UNDO
    desk.undone(undo)
    assert desk.job(job_id).state == JobState.REVOKED
    assert desk.shards(job_id, ShardState.LEASED) == []


def test_handing_back_is_no_attempt_and_rings(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    before = len(desk.rings(job_id))

    desk.hand_back(held)

    again = desk.claim()
    assert (again.shard_id, again.attempts) == (held.shard_id, 0)
    assert len(desk.rings(job_id)) == before + 1


def test_handing_back_a_shard_of_a_cancelled_job_ends_the_job(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.cancel(job_id)

    desk.hand_back(held)

    desk.undone(desk.claim())
    assert desk.job(job_id).state == JobState.REVOKED
