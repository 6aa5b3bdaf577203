"""Enqueue: a job, its first shard and its ring are committed with the caller's change, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest
from support.jobs.ledger_desk import PROJECT, LedgerDesk

from datacenter.errors import Invalid
from datacenter.ledger import ledger
from datacenter.ledger.models import Job, JobDependency, OutboxMessage, Shard
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind, ShardState, Step


def test_a_job_its_plan_shard_and_its_ring_are_there_after_the_commit(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()

    job = desk.job(job_id)
    assert (job.state, job.phase, job.open_shards, job.queue) == ("PENDING", "waiting", 1, "export")
    (shard,) = desk.shards(job_id)
    assert (shard.step, shard.state, shard.token) == (Step.PLAN, ShardState.READY, 0)
    (ring,) = desk.rings(job_id)
    assert (ring.queue, ring.payload) == ("export", {"times": 1})


def test_a_rollback_leaves_neither_job_nor_shard_nor_ring(desk: LedgerDesk) -> None:
    def change() -> None:
        with desk.database.transaction() as session:
            ledger.enqueue(session, project_id=PROJECT, kind=JobKind.EXPORT, payload={})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        change()

    assert [desk.count(table) for table in (Job, Shard, OutboxMessage, JobDependency)] == [0, 0, 0, 0]


def test_a_job_of_another_project_cannot_be_waited_for(desk: LedgerDesk) -> None:
    foreign = desk.enqueue(project="project-b")

    with pytest.raises(Invalid) as caught:
        desk.enqueue(after=(foreign,))

    assert caught.value.field == "after"
    assert desk.count(Job) == 1


def test_a_delayed_job_is_not_claimed_before_its_time(desk: LedgerDesk) -> None:
    job_id = desk.enqueue(not_before=datetime.now(UTC) + timedelta(hours=1))

    assert desk.claim_any() is None
    assert desk.rings(job_id) == []
    desk.pass_time()
    assert desk.claim().job_id == job_id
    assert len(desk.rings(job_id)) == 1


def test_a_time_in_the_past_is_no_delay(desk: LedgerDesk) -> None:
    job_id = desk.enqueue(not_before=datetime.now(UTC) - timedelta(hours=1))

    assert desk.claim().job_id == job_id


def test_datasets_of_a_job_are_listed_once_each(desk: LedgerDesk) -> None:
    job_id = desk.run(
        lambda session: (
            ledger.enqueue(
                session, project_id=PROJECT, kind=JobKind.EXPORT, payload={}, dataset_ids=["b", "a", "b"]
            ).id
        )
    )

    assert desk.read(lambda session: ledger.dataset_ids_of(session, [job_id])) == {job_id: ["a", "b"]}
    found = desk.read(lambda session: ledger.list_jobs(session, PROJECT, dataset_id="a", limit=5))
    assert [job.id for job in found] == [job_id]


def test_jobs_are_listed_newest_first_and_page_by_page(desk: LedgerDesk) -> None:
    ids = [desk.enqueue() for _ in range(5)]
    desk.enqueue(project="project-b")

    first = desk.read(lambda session: ledger.list_jobs(session, PROJECT, limit=3))
    rest = desk.read(lambda session: ledger.list_jobs(session, PROJECT, before_id=first[-1].id, limit=3))

    assert [job.id for job in [*first, *rest]] == ids[::-1]


def test_options_default_to_a_job_that_begins_at_once() -> None:
    assert JobOptions() == JobOptions(not_before=None, after=(), notify=(), priority=0)
