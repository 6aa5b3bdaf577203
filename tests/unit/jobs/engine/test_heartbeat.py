"""The heartbeat: keeps a lease while there is progress, gives it up otherwise, and notices a cancel."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from support.jobs.workbench import Workbench

from datacenter.datasets.resources import Resources
from datacenter.errors import LeaseLost
from datacenter.ledger import leases, ledger
from datacenter.ledger.leases import Claim
from datacenter.ledger.models import Shard
from datacenter.ledger.states import JobKind
from jobs.contract import JobContext, Stopped
from jobs.engine.heartbeat import Heartbeat


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path)
    yield bench
    bench.close()


def leased(bench: Workbench, **settings: float) -> JobContext:
    """A claimed shard with a quick heartbeat."""
    quick = {"heartbeat_seconds": 0.02, "lease_seconds": 30.0, "stall_seconds": 30.0} | settings
    changed = bench.settings.model_copy(update={"ledger": bench.settings.ledger.model_copy(update=quick)})
    resources = replace(bench.resources, settings=changed)
    with bench.database.transaction() as session:
        ledger.enqueue(session, project_id=bench.project_id, kind=JobKind.EXPORT, payload={})
    return JobContext(held=claim(bench, resources), resources=resources, stopping=lambda: False)


def claim(bench: Workbench, resources: Resources) -> Claim:
    lease = timedelta(seconds=resources.settings.ledger.lease_seconds)
    held = bench.database.run(lambda session: leases.claim(session, "export", "bench:1", lease))
    assert held is not None
    return held


def expiry(bench: Workbench, job: JobContext) -> object:
    with bench.database.reading() as session:
        return session.get_one(Shard, job.held.shard_id).lease_expires_at


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_it_extends_the_lease_while_work_goes_on(bench: Workbench) -> None:
    job = leased(bench)
    before = expiry(bench, job)

    with Heartbeat(job):
        until(lambda: expiry(bench, job) != before)

    assert not job.lost


def test_it_hears_of_a_cancel(bench: Workbench) -> None:
    job = leased(bench)

    with Heartbeat(job):
        with bench.database.transaction() as session:
            ledger.request_cancel(session, bench.project_id, job.job_id)
        until(lambda: job.stopped)

    with pytest.raises(Stopped):
        job.check()


def test_it_hears_that_another_worker_has_the_shard(bench: Workbench) -> None:
    job = leased(bench)

    with Heartbeat(job):
        with bench.database.transaction() as session:
            session.execute(update(Shard).values(token=Shard.token + 1))
        until(lambda: job.lost)

    with pytest.raises(LeaseLost):
        job.check()


def test_it_lets_the_lease_run_out_when_the_work_stalls(bench: Workbench) -> None:
    job = leased(bench, stall_seconds=0.01, lease_seconds=0.3)
    before = expiry(bench, job)

    with Heartbeat(job):
        until(lambda: job.lost)

    assert expiry(bench, job) == before, "a stalled call does not keep its lease"
    with pytest.raises(LeaseLost):
        job.check()


def test_it_gives_the_lease_up_when_the_database_is_away_too_long(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = leased(bench, lease_seconds=0.3)

    def away(_: object) -> None:
        raise OperationalError("UPDATE", {}, ConnectionError("gone"))

    monkeypatch.setattr(bench.database, "run", away)

    with Heartbeat(job):
        until(lambda: job.lost)


def test_what_hangs_when_the_worker_must_be_gone_is_handed_back_without_its_help(bench: Workbench) -> None:
    job = leased(bench)

    with Heartbeat(job, overdue=lambda: True):
        until(lambda: job.lost)

    again = claim(bench, job.resources)
    assert (again.shard_id, again.token, again.attempts) == (job.held.shard_id, job.held.token + 1, 0)
    assert set(bench.doorbell.rings) == {("export", job.job_id)}
    with pytest.raises(LeaseLost):
        job.check()


def test_what_another_has_by_then_stays_his(bench: Workbench) -> None:
    job = leased(bench)
    with bench.database.transaction() as session:
        session.execute(update(Shard).values(token=Shard.token + 1))

    with Heartbeat(job, overdue=lambda: True):
        until(lambda: job.lost)

    with bench.database.reading() as session:
        assert session.get_one(Shard, job.held.shard_id).state == "LEASED"
