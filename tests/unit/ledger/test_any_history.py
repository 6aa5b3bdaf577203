"""Any history of a ledger keeps its promises: states are legal, counts are right, every job ends."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule
from sqlalchemy import select
from support.jobs.ledger_desk import LedgerDesk

from datacenter.errors import JobFinished, JobNotRetryable, LeaseLost
from datacenter.ledger.leases import Claim
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.states import FINISHED, MOVES, JobState, ShardState, Step

FILES, BYTES = 10, 1000
HISTORIES = {"laptop": 20, "ci": 200}
"""How many, by the profile of hypothesis; one takes a sixth of a second."""

pytestmark = pytest.mark.timeout(1200)


@dataclass
class Seen:
    """What was last seen of a job."""

    state: JobState = JobState.PENDING
    files: int = 0
    size_bytes: int = 0


def reachable(before: JobState) -> set[JobState]:
    """States that moves other than a retry lead to."""
    found, edge = {before}, {before}
    while edge:
        edge = {after for state in edge - FINISHED for after in MOVES[state]} - found
        found |= edge
    return found


class AnyHistory(RuleBasedStateMachine):
    """Workers, clients and the sweep in any order; the model knows only which leases are alive."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.desk = LedgerDesk(self.home, attempts=2)
        self.alive: set[tuple[int, int]] = set()
        self.seen: dict[str, Seen] = {}

    def teardown(self) -> None:
        try:
            self.every_job_ends()
        finally:
            self.desk.database.close()
            shutil.rmtree(self.home)

    # What clients do.

    @rule(target=jobs, priority=st.integers(-1, 1), project=st.sampled_from(["project-a", "project-b"]))
    def enqueue(self, priority: int, project: str) -> str:
        return self._new(priority=priority, project=project)

    @rule(target=jobs, after=jobs, needs=st.booleans())
    def enqueue_after(self, after: str, needs: bool) -> str:
        project = self.desk.job(after).project_id
        if needs:
            return self._new(after=(after,), project=project)
        return self._new(after_any_end=[after], project=project)

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        job = self.desk.job(job_id)
        if job.state in FINISHED:
            with pytest.raises(JobFinished):
                self.desk.cancel(job_id, job.project_id)
        else:
            self.desk.cancel(job_id, job.project_id)

    @rule(job_id=jobs)
    def retry(self, job_id: str) -> None:
        job = self.desk.job(job_id)
        if job.state in (JobState.FAILURE, JobState.REVOKED):
            self.desk.retry(job_id, job.project_id)
            self.seen[job_id] = (
                Seen(files=job.files_done, size_bytes=job.bytes_done) if job.checkpoint else Seen()
            )
        else:
            with pytest.raises(JobNotRetryable):
                self.desk.retry(job_id, job.project_id)

    # What workers do.

    @rule(target=claims)
    def claim(self) -> object:
        held = self.desk.claim_any()
        if held is None:
            return multiple()
        self.alive.add((held.shard_id, held.token))
        return held

    @rule(held=claims, files=st.integers(0, FILES))
    def extend(self, held: Claim, files: int) -> None:
        with self._fenced(held, ends=False):
            stop = self.desk.extend(held, files=files, size_bytes=files * BYTES // FILES)
            assert stop == (held.step != Step.UNDO and self.desk.job(held.job_id).outcome is not None)

    @rule(held=claims, shards=st.integers(0, 3))
    def complete(self, held: Claim, shards: int) -> None:
        with self._fenced(held):
            self._complete(held, shards)

    @rule(held=claims, retryable=st.booleans())
    def fail(self, held: Claim, retryable: bool) -> None:
        with self._fenced(held):
            self.desk.fail(held, retryable=retryable)

    @rule(held=claims)
    def hand_back(self, held: Claim) -> None:
        with self._fenced(held):
            self.desk.hand_back(held)

    @rule(held=claims)
    def stop(self, held: Claim) -> None:
        """A worker hears at its heartbeat that it should stop."""
        if self.desk.job(held.job_id).outcome is not None and held.step != Step.UNDO:
            with self._fenced(held):
                self.desk.drop(held)

    # What time does.

    @rule(held=claims)
    @precondition(lambda self: self.alive)
    def lose(self, held: Claim) -> None:
        if (held.shard_id, held.token) in self.alive:
            self.desk.lose(held)
            self.alive.discard((held.shard_id, held.token))

    @rule()
    def pass_time(self) -> None:
        self.desk.pass_time()

    # What must hold after any of it.

    @invariant()
    def promises_hold(self) -> None:
        jobs, shards = self._everything()
        self._leases_are_those_of_the_model(shards)
        for job in jobs:
            self._states_move_legally_and_progress_only_grows(job)
            self._open_shards_are_counted(job, [shard for shard in shards if shard.job_id == job.id])

    def _everything(self) -> tuple[list[Job], list[Shard]]:
        with self.desk.database.reading() as session:
            return list(session.scalars(select(Job))), list(session.scalars(select(Shard)))

    def _states_move_legally_and_progress_only_grows(self, job: Job) -> None:
        before = self.seen[job.id]
        assert job.state in reachable(before.state)
        assert (job.state in FINISHED) == (job.finished_at is not None)
        assert before.files <= job.files_done <= (job.files_total or 0)
        assert before.size_bytes <= job.bytes_done <= (job.bytes_total or 0)
        self.seen[job.id] = Seen(state=job.state, files=job.files_done, size_bytes=job.bytes_done)

    def _open_shards_are_counted(self, job: Job, shards: list[Shard]) -> None:
        still_open = [
            shard
            for shard in shards
            if shard.state in (ShardState.WAITING, ShardState.READY, ShardState.LEASED)
        ]
        if job.state in FINISHED:
            assert job.open_shards == 0
            assert {shard.state for shard in still_open} <= (
                {ShardState.WAITING} if job.checkpoint else set()
            )
        elif job.outcome is None:
            assert job.open_shards == len(still_open) > 0

    def _leases_are_those_of_the_model(self, shards: list[Shard]) -> None:
        assert {(shard.id, shard.token) for shard in shards if shard.state == ShardState.LEASED} == self.alive

    def every_job_ends(self) -> None:
        """Workers that work on, and a sweep: nothing else is needed."""
        self.desk.lose_all()
        for _ in range(1000):
            held = self.desk.claim_any() or self._claim_once_it_is_due()
            if held is None:
                break
            self._complete(held, 2)
        jobs, _ = self._everything()
        assert {job.id for job in jobs} == self.seen.keys()
        assert [job for job in jobs if job.state not in FINISHED] == []

    def _claim_once_it_is_due(self) -> Claim | None:
        self.desk.pass_time()
        return self.desk.claim_any()

    def _new(self, **fields: object) -> str:
        job_id = self.desk.enqueue(**fields)  # type: ignore[arg-type]  # checked where the rules give them
        self.seen[job_id] = Seen()
        return job_id

    def _complete(self, held: Claim, shards: int) -> None:
        match held.step:
            case Step.PLAN:
                self.desk.planned(held, shards, files=FILES, size_bytes=BYTES)
            case Step.RUN:
                self.desk.done(held, files=FILES, size_bytes=BYTES)
            case Step.FINISH:
                self.desk.finished(held)
            case Step.UNDO:
                self.desk.undone(held)

    def _fenced(self, held: Claim, *, ends: bool = True) -> "_Fence":
        return _Fence(self.alive, (held.shard_id, held.token), ends)


class _Fence:
    """A call with a lease: it works while the lease is alive, and is refused afterwards."""

    def __init__(self, alive: set[tuple[int, int]], lease: tuple[int, int], ends: bool) -> None:
        self._alive, self._lease, self._ends = alive, lease, ends

    def __enter__(self) -> None:
        self._was_alive = self._lease in self._alive

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if self._was_alive and error is None and self._ends:
            self._alive.discard(self._lease)
        if not self._was_alive:
            assert kind is LeaseLost, "a lease that is over must be refused"
        return kind is LeaseLost and not self._was_alive


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=HISTORIES[settings.get_current_profile_name()],
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
