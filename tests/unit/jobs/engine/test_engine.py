"""The engine: claims and runs shards of any kind, and records every error of a runner in the ledger."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from structlog.testing import CapturingLogger
from support.jobs.workbench import SilentDoorbell, Workbench

from datacenter.database.engine import now
from datacenter.ledger import ledger
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.models import Shard
from datacenter.ledger.repair import reclaim_expired
from datacenter.ledger.states import JobKind, JobState, ShardState
from jobs.contract import Ending, JobContext, NextWave, Plan, ShuttingDown, Stopped
from jobs.engine import engine as engine_module
from jobs.engine.engine import Engine
from storage_adapters.errors import StorageUnavailable


@dataclass
class Scripted:
    """A runner whose steps do what the test sets; records the calls."""

    kind: ClassVar[JobKind] = JobKind.EXPORT
    shards: int = 2
    on_shard: Callable[[JobContext, dict[str, Any]], None] = lambda job, spec: None
    on_finish: Callable[[JobContext, list[dict[str, Any]]], Ending | NextWave] | None = None
    done: list[str] = field(default_factory=list)

    def plan(self, job: JobContext) -> Plan:
        self.done.append("plan")
        shards = [ShardPlan(spec={"n": number}) for number in range(self.shards)]
        return Plan(shards=shards, totals=Totals(files=self.shards, size_bytes=0), phase="working")

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        self.done.append(f"run {spec['n']}")
        self.on_shard(job, spec)
        job.report(files=1)
        return spec

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending | NextWave:
        self.done.append("finish")
        found = list(results)
        return self.on_finish(job, found) if self.on_finish else Ending(result={"found": found})

    def undo(self, job: JobContext) -> Ending:
        self.done.append("undo")
        return Ending(result=None)

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        self.done.append("interrupted")

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        self.done.append("given up")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path)
    yield bench
    bench.close()


def begin(bench: Workbench) -> str:
    with bench.database.transaction() as session:
        return ledger.enqueue(
            session, project_id=bench.project_id, kind=JobKind.EXPORT, payload={"is": "this"}
        ).id


def engine(bench: Workbench, runner: Scripted, **changes: Any) -> Engine:
    options = {"stopping": lambda: False, "must_stop": lambda: False} | changes
    return Engine(bench.resources, {JobKind.EXPORT: runner}, "bench:1", **options)


def test_a_job_goes_from_plan_over_shards_to_finish(bench: Workbench) -> None:
    runner, job_id = Scripted(shards=3), begin(bench)

    bench.work(engine(bench, runner))

    assert runner.done == ["plan", "run 0", "run 1", "run 2", "finish"]
    job = bench.job(job_id)
    assert (job.state, job.result, job.files_done) == (
        "SUCCESS",
        {"found": [{"n": 0}, {"n": 1}, {"n": 2}]},
        3,
    )


def test_a_plan_without_shards_goes_straight_to_its_finish(bench: Workbench) -> None:
    runner, _ = Scripted(shards=0), begin(bench)

    bench.work(engine(bench, runner))

    assert runner.done == ["plan", "finish"]


def test_a_finish_that_learns_of_more_to_do_runs_again(bench: Workbench) -> None:
    def more(job: JobContext, found: list[dict[str, Any]]) -> Ending | NextWave:
        if len(found) == 1:
            return NextWave(shards=(ShardPlan(spec={"n": number}) for number in (7, 8)))
        return Ending(result={"found": found})

    runner, job_id = Scripted(shards=1, on_finish=more), begin(bench)

    bench.work(engine(bench, runner))

    assert runner.done == ["plan", "run 0", "finish", "run 7", "run 8", "finish"]
    assert bench.job(job_id).result == {"found": [{"n": 0}, {"n": 7}, {"n": 8}]}


def test_results_come_in_order_however_many_pages_they_take(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "RESULT_ROWS", 3)
    runner, job_id = Scripted(shards=7), begin(bench)

    bench.work(engine(bench, runner))

    result = bench.job(job_id).result
    assert result is not None
    assert [each["n"] for each in result["found"]] == list(range(7))


def test_a_fault_of_ours_is_tried_again_a_bounded_number_of_times_and_logged(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = CapturingLogger()
    monkeypatch.setattr("jobs.engine.errors.log", logged)

    def fail(job: JobContext, spec: dict[str, Any]) -> None:
        raise ZeroDivisionError("canary")

    runner, job_id = Scripted(shards=1, on_shard=fail), begin(bench)

    bench.work(engine(bench, runner))

    job = bench.job(job_id)
    assert (job.state, job.attempts, job.checkpoint) == ("FAILURE", 5, True)
    assert job.error is not None
    assert job.error["code"] == "INTERNAL"
    assert "canary" not in job.error["message"]
    assert runner.done == ["plan", *["run 0"] * 5, "interrupted"]
    assert [type(call.kwargs["exc_info"]) for call in logged.calls] == [ZeroDivisionError] * 5


def test_a_fault_that_passes_is_forgotten(bench: Workbench) -> None:
    faults = iter([StorageUnavailable("no answer"), MemoryError(), None])

    def fail_twice(job: JobContext, spec: dict[str, Any]) -> None:
        if (fault := next(faults)) is not None:
            raise fault

    runner, job_id = Scripted(shards=1, on_shard=fail_twice), begin(bench)

    bench.work(engine(bench, runner))

    job = bench.job(job_id)
    assert (job.state, job.error, job.attempts) == ("SUCCESS", None, 2)


def test_a_stopping_worker_claims_nothing_more(bench: Workbench) -> None:
    runner, job_id = Scripted(), begin(bench)

    assert engine(bench, runner, stopping=lambda: True).work("export") == 0

    assert runner.done == []
    assert bench.job(job_id).state == JobState.PENDING


def test_a_worker_that_must_stop_hands_its_shard_back_unharmed(bench: Workbench) -> None:
    runner, job_id = Scripted(shards=1), begin(bench)
    stop = engine(
        bench, runner, stopping=lambda: "run 0" in runner.done, must_stop=lambda: "run 0" in runner.done
    )
    stop.work("export")
    assert runner.done == ["plan", "run 0"]
    with bench.database.reading() as session:
        shard = session.query(Shard).filter_by(job_id=job_id, step="run").one()
    assert (shard.state, shard.attempts) == (ShardState.READY, 0)

    bench.work(engine(bench, runner))

    assert bench.job(job_id).state == "SUCCESS"
    assert bench.job(job_id).attempts == 0


@pytest.mark.parametrize("leaves", [Stopped, ShuttingDown])
def test_a_shard_that_stops_for_a_cancel_ends_in_undo(bench: Workbench, leaves: type[Exception]) -> None:
    def cancel(job: JobContext, spec: dict[str, Any]) -> None:
        with bench.database.transaction() as session:
            ledger.request_cancel(session, bench.project_id, job.job_id)
        raise leaves

    runner, job_id = Scripted(shards=1, on_shard=cancel), begin(bench)

    bench.work(engine(bench, runner))

    assert runner.done == ["plan", "run 0", "undo"]
    assert bench.job(job_id).state == "REVOKED"


def test_a_shard_that_was_given_to_another_worker_writes_nothing(bench: Workbench) -> None:
    def be_replaced(job: JobContext, spec: dict[str, Any]) -> None:
        if job.held.token > 1:
            return
        with bench.database.transaction() as session:
            past = now(session) - timedelta(seconds=1)
            session.execute(update(Shard).where(Shard.id == job.held.shard_id).values(lease_expires_at=past))
            reclaim_expired(session, bench.settings.ledger, lambda *_: None)

    runner, job_id = Scripted(shards=1, on_shard=be_replaced), begin(bench)

    bench.work(engine(bench, runner))

    assert runner.done == ["plan", "run 0", "run 0", "finish"]
    assert bench.job(job_id).result == {"found": [{"n": 0}]}


def test_what_an_ending_publishes_is_committed_with_the_success_or_not_at_all(bench: Workbench) -> None:
    attempts: list[int] = []

    def publish(session: Session) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise StorageUnavailable("not now")

    runner = Scripted(shards=0, on_finish=lambda job, found: Ending(result={}, publish=publish))
    job_id = begin(bench)

    bench.work(engine(bench, runner))

    assert len(attempts) == 2
    assert bench.job(job_id).state == "SUCCESS"


def test_after_a_time_slice_a_worker_rings_again_and_lets_others_have_their_turn(bench: Workbench) -> None:
    short = bench.settings.ledger.model_copy(update={"slice_seconds": 1e-9})
    bench.resources = replace(bench.resources, settings=bench.settings.model_copy(update={"ledger": short}))
    begin(bench)
    bench.doorbell.rings.clear()

    assert engine(bench, Scripted()).work("export") == 1

    assert ("export", "") in bench.doorbell.rings


def test_a_broker_that_is_down_stops_no_work(bench: Workbench) -> None:
    class Dead(SilentDoorbell):
        def ring(self, queue: str, job_id: str) -> None:
            raise BrokerUnavailable("down")

    bench.resources = replace(bench.resources, doorbell=Dead())
    runner, job_id = Scripted(), begin(bench)

    bench.work(engine(bench, runner))

    assert bench.job(job_id).state == "SUCCESS"
