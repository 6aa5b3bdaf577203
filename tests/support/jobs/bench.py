"""A workbench for jobs with faults: its shards are tiny, its pauses pass at once, and it can lose its workers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from support.jobs.workbench import Workbench

from datacenter.database.engine import now
from datacenter.datasets import retrying
from datacenter.datasets.models import (
    Archive,
)
from datacenter.datasets.resources import Resources
from datacenter.ledger.ledger import request_cancel
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.repair import reclaim_expired, release_due
from datacenter.ledger.states import FINISHED, JobKind, ShardState
from jobs.engine.engine import Engine
from jobs.registry import runners
from jobs.scheduler.sweep import notify_runner, remove_litter, sweep_once, undo_old_checkpoints


class Bench(Workbench):
    """A workbench whose shards are tiny, and that can lose its workers."""

    def __init__(self, home: Path, **fields: Any) -> None:
        super().__init__(home, **{"files": 13, "size_bytes": 256 << 10, "part_bytes": 96 << 10, **fields})
        ledger = self.settings.ledger.model_copy(update={"slice_seconds": 1e-9})
        self.settings = self.settings.model_copy(update={"ledger": ledger})
        self.resources = replace(self.resources, settings=self.settings)

    def engine_on(self, resources: Resources, owner: str = "bench:1") -> Engine:
        return Engine(resources, runners(), owner, stopping=lambda: False, must_stop=lambda: False)

    def settle(self, engine: Engine | None = None) -> None:
        """Work until nothing is left to do; pauses pass at once, leases without a worker expire."""
        engine = engine or self.engine()
        for _ in range(400):
            self.pass_time()
            try:
                done = sum(engine.work(queue) for queue in self._with_work())
            except OperationalError:
                continue  # a worker whose claim failed hears the next ring
            if not done and not self.lose_workers() and not self._waiting():
                return
        raise AssertionError("the work never ends")

    def _with_work(self) -> Sequence[str]:
        """Queues in which something can be claimed now."""
        with self.database.reading() as session:
            ready = select(Shard.queue).where(Shard.state == ShardState.READY).distinct()
            return session.scalars(ready.order_by(Shard.queue)).all()

    def step(self, engine: Engine) -> int:
        """One shard of any queue."""
        self.pass_time()
        for kind in JobKind:
            if done := engine.work(kind.value):
                return done
        return 0

    def pass_time(self) -> None:
        with self.database.transaction() as session:
            waiting = (Shard.state == ShardState.WAITING, Shard.not_before.is_not(None))
            session.execute(update(Shard).where(*waiting).values(not_before=now(session)))
            session.flush()
            release_due(session)

    def lose_workers(self) -> int:
        """All workers die with their leases."""
        with self.database.transaction() as session:
            past = now(session) - timedelta(seconds=1)
            leased = Shard.state == ShardState.LEASED
            session.execute(update(Shard).where(leased).values(lease_expires_at=past))
            return reclaim_expired(session, self.settings.ledger, notify_runner)

    def sweep(self) -> None:
        sweep_once(self.resources)
        remove_litter(self.resources)

    def expire_archives(self) -> None:
        """All archives expire and are removed."""
        with self.database.transaction() as session:
            session.execute(update(Archive).values(expires_at=now(session) - timedelta(seconds=1)))
        self.sweep()
        self.sweep()

    def expire_checkpoints(self) -> None:
        """The checkpoints of failed jobs expire."""
        with self.database.transaction() as session:
            undo_old_checkpoints(session, -1)

    def disk(self) -> set[str]:
        """Every file under the storage's root, its hidden area included."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def unfinished(self) -> int:
        with self.database.reading() as session:
            query = select(func.count()).select_from(Job).where(Job.state.not_in(FINISHED))
            return session.scalar(query) or 0

    def cancel(self, job_id: str) -> None:
        with self.database.transaction() as session:
            request_cancel(session, self.project_id, job_id)

    def retry(self, job_id: str) -> None:
        with self.database.transaction() as session:
            retrying.retry(session, self.resources, self.project_id, job_id)
