"""Every kind of job can be cancelled between any two of its steps and checkpoints, and many workers make the same."""

import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from support.jobs.bench import Bench
from support.jobs.scenarios import Scenario
from support.jobs.table_scenarios import SCENARIOS, scenario_of

from datacenter.ledger.ledger import request_cancel
from datacenter.ledger.models import Shard
from datacenter.ledger.states import JobKind, ShardState, Step
from jobs.contract import JobContext

SAMPLE = int(os.environ.get("DATACENTER_TEST_FAULTS", "1"))
"""Checkpoints that are tried of each kind of job; a large number tries every one of them."""

CHECK = JobContext.check


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda kind: kind.name)
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with scenario_of(request.param, tmp_path_factory.mktemp("bench")) as found:
        yield found


@pytest.fixture(scope="module")
def expected(scenario: Scenario) -> Any:
    """What the job makes when nothing goes wrong."""
    job_id = scenario.begin()
    scenario.bench.settle()
    return scenario.made(job_id)


def check_revoked(scenario: Scenario, job_id: str) -> None:
    job = scenario.bench.job(job_id)
    assert (job.state, job.error, job.open_shards) == ("REVOKED", None, 0)
    scenario.check_nothing_left(job_id)


@pytest.fixture(scope="module")
def steps(scenario: Scenario) -> int:
    """How many shards the job takes, its plan and its finish among them."""
    job_id = scenario.begin()
    engine = scenario.bench.engine()
    steps = 0
    while scenario.bench.job(job_id).finished_at is None:
        steps += scenario.bench.step(engine)
    return steps


def sampled(most: int, *seed: object) -> list[int]:
    """Some of the places where a job can be cancelled, the first among them."""
    return sorted({0, *random.Random(str(seed)).sample(range(most), min(SAMPLE, most))})


def test_a_cancel_between_any_two_steps_leaves_nothing(scenario: Scenario, steps: int) -> None:
    bench = scenario.bench
    for at in sampled(steps, scenario.name, "steps"):
        job_id = scenario.begin()
        engine = bench.engine()
        for _ in range(at):
            bench.step(engine)
        bench.cancel(job_id)
        bench.settle()

        check_revoked(scenario, job_id)


class Checkpoints:
    """Counts the checks of a running job and cancels it at the n-th of them, as a heartbeat would hear it."""

    def __init__(self, bench: Bench, at: int = 0) -> None:
        self.count = 0
        self._bench, self._at = bench, at

    def check(self, context: JobContext) -> None:
        if context.held.step != Step.UNDO:
            self.count += 1
            if self.count == self._at:
                with self._bench.database.transaction() as session:
                    request_cancel(session, self._bench.project_id, context.job_id)
                context.stopped = True
        CHECK(context)


def test_a_cancel_between_any_two_checkpoints_leaves_nothing(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = scenario.bench
    counted = Checkpoints(bench)
    monkeypatch.setattr(JobContext, "check", lambda context: counted.check(context))
    scenario.begin()
    counted = Checkpoints(bench)
    bench.settle()
    for at in sampled(counted.count, scenario.name, "checkpoints"):
        job_id = scenario.begin()
        counted = Checkpoints(bench, at + 1)
        bench.settle()

        check_revoked(scenario, job_id)


def test_a_cancelled_job_can_be_retried_from_the_start(scenario: Scenario, expected: Any) -> None:
    bench = scenario.bench
    job_id = scenario.begin()
    bench.step(bench.engine())
    bench.cancel(job_id)
    bench.settle()
    assert bench.job(job_id).state == "REVOKED"

    bench.retry(job_id)
    bench.settle()
    bench.sweep()

    assert bench.job(job_id).state == "SUCCESS", bench.job(job_id).error
    scenario.moved(job_id)
    assert scenario.made(job_id) == expected


def shuffle(bench: Bench, seed: int) -> None:
    """Shards are claimed in another order."""
    with bench.database.transaction() as session:
        shards = session.scalars(select(Shard).where(Shard.state == ShardState.READY)).all()
        for shard in shards:
            shard.rank = random.Random(f"{seed} {shard.id}").randint(-1000, 1000)


def test_shards_in_any_order_by_several_workers_make_the_same(scenario: Scenario, expected: Any) -> None:
    bench = scenario.bench
    job_id = scenario.begin()
    engines = [bench.engine_on(bench.resources, f"bench:{number}") for number in range(4)]

    def work(number: int) -> None:
        for kind in JobKind:
            while engines[number].work(kind.value):
                pass

    while bench.job(job_id).finished_at is None:
        shuffle(bench, seed=1)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(engines))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bench.job(job_id).state == "SUCCESS", bench.job(job_id).error
    assert scenario.made(job_id) == expected
