"""Every kind of job against faults: each storage and database call of it fails once, or for good, or is refused."""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.jobs.bench import Bench
from support.jobs.faults import Schedule, faulty_database, faulty_storages, lost_connection
from support.jobs.scenarios import Delete, Scenario
from support.jobs.table_scenarios import SCENARIOS, scenario_of

from storage_adapters.errors import PermissionDenied, StorageUnavailable

SAMPLE = int(os.environ.get("DATACENTER_TEST_FAULTS", "1"))
"""Calls that are tried of each kind of job; a large number tries every one of them."""


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


def count_calls(scenario: Scenario, faulty: Callable[..., Any]) -> int:
    schedule = Schedule()
    scenario.begin()
    scenario.bench.settle(scenario.bench.engine_on(faulty(scenario.bench.resources, schedule)))
    return schedule.calls


@pytest.fixture(scope="module")
def storage_calls(scenario: Scenario) -> int:
    """The number of calls of the job to its storage."""
    return count_calls(scenario, faulty_storages)


@pytest.fixture(scope="module")
def database_calls(scenario: Scenario) -> int:
    """The number of calls of the worker to the database for it."""
    return count_calls(scenario, faulty_database)


def sampled(calls: int, *seed: object) -> list[int]:
    """Some of the calls, others for each test and each kind of job."""
    return sorted(random.Random(str(seed)).sample(range(1, calls + 1), min(SAMPLE, calls)))


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_a_storage_call_that_fails_once_changes_nothing(
    scenario: Scenario, expected: Any, storage_calls: int, after: bool
) -> None:
    for at in sampled(storage_calls, (scenario.name, after)):
        schedule = Schedule(at=at, after=after)
        engine = scenario.bench.engine_on(faulty_storages(scenario.bench.resources, schedule))
        job_id = scenario.begin()
        scenario.bench.settle(engine)

        job = scenario.bench.job(job_id)
        assert job.state == "SUCCESS", (at, job.error)
        assert scenario.made(job_id) == expected, at


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_a_database_call_that_fails_once_changes_nothing(
    scenario: Scenario, expected: Any, database_calls: int, after: bool
) -> None:
    for at in sampled(database_calls, (scenario.name, after)):
        schedule = Schedule(at=at, after=after, fault=lost_connection)
        engine = scenario.bench.engine_on(faulty_database(scenario.bench.resources, schedule))
        job_id = scenario.begin()
        scenario.bench.settle(engine)

        job = scenario.bench.job(job_id)
        assert job.state == "SUCCESS", (at, job.error)
        assert scenario.made(job_id) == expected, at


def test_a_storage_that_refuses_a_call_ends_the_job_and_nothing_is_left(
    scenario: Scenario, storage_calls: int
) -> None:
    for at in sampled(storage_calls, scenario.name, "refused"):
        schedule = Schedule(at=at, fault=PermissionDenied)
        engine = scenario.bench.engine_on(faulty_storages(scenario.bench.resources, schedule))
        job_id = scenario.begin()
        scenario.bench.settle(engine)

        job = scenario.bench.job(job_id)
        assert (job.state, job.checkpoint) == ("FAILURE", False), at
        assert job.error is not None
        assert job.error["code"] == "STORAGE_DENIED"
        scenario.check_nothing_left(job_id)


def test_a_storage_that_is_away_keeps_the_work_and_a_retry_finishes_it(
    scenario: Scenario, expected: Any, storage_calls: int
) -> None:
    bench = scenario.bench

    for at in sampled(storage_calls, scenario.name):
        schedule = Schedule(at=at, forever=True, fault=StorageUnavailable)
        engine = bench.engine_on(faulty_storages(bench.resources, schedule))
        job_id = scenario.begin()
        bench.settle(engine)

        job = bench.job(job_id)
        assert (job.state, job.checkpoint) == ("FAILURE", True), at
        assert job.error is not None
        assert job.error["code"] == "STORAGE_UNAVAILABLE"

        schedule.heal()
        bench.retry(job_id)
        bench.settle(engine)
        assert bench.job(job_id).state == "SUCCESS", (at, bench.job(job_id).error)
        assert scenario.made(job_id) == expected, at


def test_an_outage_that_nobody_retries_is_cleaned_up_after(scenario: Scenario, storage_calls: int) -> None:
    bench = scenario.bench
    schedule = Schedule(at=max(1, storage_calls // 2), forever=True)
    engine = bench.engine_on(faulty_storages(bench.resources, schedule))
    job_id = scenario.begin()
    bench.settle(engine)
    assert bench.job(job_id).checkpoint
    schedule.heal()

    bench.expire_checkpoints()
    bench.settle()

    job = bench.job(job_id)
    assert (job.state, job.checkpoint) == ("FAILURE", False)
    scenario.check_nothing_left(job_id)


def test_keys_that_cannot_be_deleted_are_named_and_a_retry_removes_them_later(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    scenario = Delete(bench)
    resources = faulty_storages(bench.resources, Schedule())
    job_id = scenario.begin()
    stubborn = bench.objects(scenario.dataset.prefix)[3:5]
    resources.storages.refused.update(stubborn)  # type: ignore[attr-defined]  # a faulty one has it

    bench.settle(bench.engine_on(resources))

    job = bench.job(job_id)
    assert job.state == "FAILURE"
    assert job.error is not None
    assert job.error["code"] == "LEFTOVERS"
    assert stubborn[0] in job.error["message"]
    assert job.result == {"dataset": scenario.dataset.id, "leftovers": 2, "examples": stubborn}
    assert bench.objects(scenario.dataset.prefix) == stubborn

    bench.retry(job_id)
    bench.settle()
    assert bench.job(job_id).state == "SUCCESS"
    scenario.made(job_id)
    bench.close()
