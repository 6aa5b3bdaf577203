"""Every kind of job keeps the promises of a job: the same result whatever fails, or nothing at all."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.jobs.scenarios import Scenario
from support.jobs.table_scenarios import SCENARIOS, scenario_of

from jobs.contract import JobContext
from jobs.engine.engine import Engine

KINDS = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module", params=SCENARIOS, ids=KINDS)
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with scenario_of(request.param, tmp_path_factory.mktemp("bench")) as found:
        yield found


@pytest.fixture(scope="module")
def expected(scenario: Scenario) -> Any:
    """What the job makes when nothing goes wrong."""
    job_id = scenario.begin()
    scenario.bench.settle()
    job = scenario.bench.job(job_id)
    assert job.state == "SUCCESS", job.error
    return scenario.made(job_id)


def test_a_second_run_makes_the_same(scenario: Scenario, expected: Any) -> None:
    job_id = scenario.begin()
    scenario.bench.settle()

    job = scenario.bench.job(job_id)
    assert (job.state, job.error, job.attempts) == ("SUCCESS", None, 0)
    assert job.files_done == (job.files_total if job.files_total is not None else job.files_done)
    assert job.bytes_done == (job.bytes_total if job.bytes_total is not None else job.bytes_done)
    assert scenario.made(job_id) == expected


class Forgetful(Engine):
    """A worker that dies at its first attempt at every shard, after the work and before the commit."""

    def _process(self, held: Any) -> None:
        if held.token > 1:
            super()._process(held)
            return
        self._run_step(JobContext(held=held, resources=self._resources, stopping=lambda: False))


def test_every_step_done_twice_makes_the_same(scenario: Scenario, expected: Any) -> None:
    bench = scenario.bench
    job_id = scenario.begin()

    forgetful = Forgetful(
        bench.resources,
        bench.engine()._runners,
        "bench:2",
        stopping=lambda: False,
        must_stop=lambda: False,
    )
    bench.settle(forgetful)

    assert bench.job(job_id).state == "SUCCESS", bench.job(job_id).error
    assert scenario.made(job_id) == expected
