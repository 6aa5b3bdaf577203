"""A ledger on its own: jobs are enqueued, claimed and ended by hand, without runners, storages or a broker."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from support.jobs.quick_database import without_waiting

from datacenter.database.engine import Base, Database, now
from datacenter.ledger import leases, ledger
from datacenter.ledger.leases import Claim, ShardPlan, Totals
from datacenter.ledger.models import Job, OutboxMessage, Shard
from datacenter.ledger.options import JobOptions
from datacenter.ledger.repair import reclaim_expired, release_due
from datacenter.ledger.states import JobKind, ShardState, Step
from datacenter.settings.model import DatabaseSettings, LedgerSettings

T = TypeVar("T")
PROJECT = "project-a"
LEASE = timedelta(seconds=30)
QUEUE = "export"


class LedgerDesk:
    """Every operation on a ledger, one transaction a call."""

    def __init__(self, home: Path, *, attempts: int = 3) -> None:
        self.database = Database(DatabaseSettings(url=f"sqlite:///{home / 'ledger.db'}"))
        without_waiting(self.database.engine)
        Base.metadata.create_all(self.database.engine)
        self.settings = LedgerSettings(attempts=attempts, backoff_seconds=30)
        self.interrupted: list[str] = []

    def run(self, work: Callable[[Session], T]) -> T:
        return self.database.run(work)

    def read(self, work: Callable[[Session], T]) -> T:
        with self.database.reading() as session:
            return work(session)

    def enqueue(
        self,
        *,
        project: str = PROJECT,
        kind: JobKind = JobKind.EXPORT,
        after_any_end: Iterable[str] = (),
        payload: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """The id of a new job."""
        return self.run(
            lambda session: (
                ledger.enqueue(
                    session,
                    project_id=project,
                    kind=kind,
                    payload=payload or {},
                    options=JobOptions(**options),
                    after_any_end=list(after_any_end),
                ).id
            )
        )

    def claim(self, queue: str = QUEUE, owner: str = "worker:1") -> Claim:
        """The next due shard; there must be one."""
        held = self.claim_any(queue, owner)
        assert held is not None
        return held

    def claim_any(self, queue: str = QUEUE, owner: str = "worker:1") -> Claim | None:
        return self.run(lambda session: leases.claim(session, queue, owner, LEASE))

    def planned(self, held: Claim, shards: int, *, files: int = 10, size_bytes: int = 1000) -> None:
        """Complete a plan with so many shards, each of `files` and `size_bytes`."""
        plans = [ShardPlan(spec={"number": number}) for number in range(shards)]
        totals = Totals(files=files * shards, size_bytes=size_bytes * shards)
        self.run(lambda session: leases.complete_plan(session, held, plans, totals, "working"))

    def done(self, held: Claim, *, files: int = 10, size_bytes: int = 1000) -> None:
        result = {"shard": held.number}
        self.run(
            lambda session: leases.complete_shard(session, held, result, files=files, size_bytes=size_bytes)
        )

    def finished(self, held: Claim, publish: Callable[[Session], None] = lambda _: None) -> None:
        self.run(lambda session: leases.complete_finish(session, held, {"made": "it"}, publish))

    def undone(self, held: Claim) -> None:
        self.run(lambda session: leases.complete_undo(session, held, None, lambda _: None))

    def fail(self, held: Claim, *, retryable: bool, code: str = "BROKEN") -> None:
        self.run(
            lambda session: leases.fail(
                session,
                held,
                self.settings,
                code=code,
                message="it broke",
                retryable=retryable,
                publish=lambda _: self.interrupted.append(held.job_id),
            )
        )

    def extend(self, held: Claim, *, files: int = 0, size_bytes: int = 0) -> bool:
        return self.run(
            lambda session: leases.extend(session, held, LEASE, files=files, size_bytes=size_bytes)
        )

    def drop(self, held: Claim) -> None:
        self.run(lambda session: leases.drop(session, held))

    def hand_back(self, held: Claim) -> None:
        self.run(lambda session: leases.hand_back(session, held))

    def cancel(self, job_id: str, project: str = PROJECT) -> None:
        self.run(lambda session: ledger.request_cancel(session, project, job_id))

    def retry(self, job_id: str, project: str = PROJECT) -> None:
        self.run(lambda session: ledger.retry(session, project, job_id))

    def expire(self, held: Claim) -> None:
        """Let a lease run out, before a sweep sees it."""
        past = timedelta(seconds=-1)
        self.run(
            lambda session: session.execute(
                update(Shard).where(Shard.id == held.shard_id).values(lease_expires_at=now(session) + past)
            )
        )

    def sweep(self) -> int:
        """Take expired leases back."""

        def interrupted(_: Session, job: Job, __: Step) -> None:
            self.interrupted.append(job.id)

        return self.run(lambda session: reclaim_expired(session, self.settings, interrupted))

    def lose(self, held: Claim) -> None:
        """A worker dies with its shard, and the sweep finds it."""
        self.expire(held)
        self.sweep()

    def lose_all(self) -> None:
        """Every worker dies, and the sweep finds their shards."""
        past = timedelta(seconds=-1)
        self.run(
            lambda session: session.execute(
                update(Shard)
                .where(Shard.state == ShardState.LEASED)
                .values(lease_expires_at=now(session) + past)
            )
        )
        self.sweep()

    def pass_time(self) -> None:
        """Every pause is over."""
        self.run(
            lambda session: session.execute(
                update(Shard).where(Shard.not_before.is_not(None)).values(not_before=now(session))
            )
        )
        while self.run(release_due):
            pass

    def job(self, job_id: str) -> Job:
        return self.read(lambda session: session.get_one(Job, job_id))

    def shards(self, job_id: str, state: ShardState | None = None) -> list[Shard]:
        query = select(Shard).where(Shard.job_id == job_id).order_by(Shard.id)
        if state is not None:
            query = query.where(Shard.state == state)
        return self.read(lambda session: list(session.scalars(query)))

    def rings(self, job_id: str | None = None) -> list[OutboxMessage]:
        query = select(OutboxMessage).where(OutboxMessage.kind == "ring")
        if job_id is not None:
            query = query.where(OutboxMessage.job_id == job_id)
        return self.read(lambda session: list(session.scalars(query)))

    def count(self, table: type[Base]) -> int:
        return self.read(lambda session: session.scalar(select(func.count()).select_from(table)) or 0)

    # Whole stretches of a job's life, for tests that begin later.

    def started(self, shards: int = 3, **options: Any) -> tuple[str, list[Claim]]:
        """A job whose shards are all leased."""
        job_id = self.enqueue(**options)
        self.planned(self.claim(), shards)
        return job_id, [self.claim(owner=f"worker:{number}") for number in range(shards)]

    def finishing(self, shards: int = 1) -> tuple[str, Claim]:
        """A job whose finish is leased."""
        job_id, held = self.started(shards)
        for each in held:
            self.done(each)
        return job_id, self.claim()

    def succeeded(self, **options: Any) -> str:
        job_id = self.enqueue(**options)
        self.planned(self.claim(), 0)
        self.finished(self.claim())
        return job_id

    def failed(self, **options: Any) -> str:
        """A job that ended in FAILURE and was cleaned up after."""
        job_id = self.enqueue(**options)
        self.fail(self.claim(), retryable=False)
        self.undone(self.claim())
        return job_id
