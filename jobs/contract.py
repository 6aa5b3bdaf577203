"""The contract of job kinds: plan → shards → finish, and undo when the job cannot succeed."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy.orm import Session

from datacenter.datasets.resources import Resources
from datacenter.errors import LeaseLost
from datacenter.ledger.leases import Claim, Publish, ShardPlan, Totals
from datacenter.ledger.states import JobKind
from storage_adapters.table_storage.contract import TableStorage

ItemT = TypeVar("ItemT")


class Stopped(Exception):
    """The job was cancelled, or another of its shards failed for good."""


class ShuttingDown(Exception):
    """This worker is stopping; the shard is handed back."""


def publish_nothing(_: Session) -> None:
    """For an ending that changes only the job's own row."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job's shards, in the same order each time it is planned, and their totals."""

    shards: Iterable[ShardPlan]
    totals: Totals
    phase: str
    """The name of the shards' work in the job's progress."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The outcome of a finish or an undo: the job's result, and the rows that change in the same transaction."""

    result: dict[str, Any] | None
    publish: Publish = publish_nothing


@dataclass(frozen=True, kw_only=True)
class NextWave:
    """More shards, returned by a finish that needs them; the finish runs again afterwards."""

    shards: Iterable[ShardPlan]


@dataclass(kw_only=True)
class JobContext:
    """One leased shard for a runner: its task, the resources, and the way to report progress to the ledger."""

    held: Claim
    resources: Resources
    stopping: Callable[[], bool]
    files: int = 0
    size_bytes: int = 0
    touched: float = field(default_factory=time.monotonic)
    expires: float = float("inf")
    """When the lease runs out by this process's clock, unless it is extended first."""
    lost: bool = False
    stopped: bool = False

    @property
    def job_id(self) -> str:
        return self.held.job_id

    @property
    def project_id(self) -> str:
        return self.held.project_id

    @property
    def payload(self) -> dict[str, Any]:
        """The job's request, as stored in the ledger."""
        return self.held.payload

    def open_tables(self, name: str) -> TableStorage:
        """The registered storage of tables. Waiting for its server counts as progress, and ends when the shard should stop."""
        return self.resources.storages.open_tables(name).watched(self.check)

    def report(self, *, files: int = 0, size_bytes: int = 0) -> None:
        """Add to this attempt's progress and stop if the shard should stop; see `check`."""
        self.files += files
        self.size_bytes += size_bytes
        self.check()

    def checked(self, items: Iterable[ItemT]) -> Generator[ItemT, None, None]:
        """The same items, with a `check` before each."""
        for item in items:
            self.check()
            yield item

    def check(self) -> None:
        """Signal progress; must be called at least once a batch, or the lease runs out.

        Raises:
            LeaseLost: another worker has the shard.
            Stopped: the job was cancelled or has failed.
            ShuttingDown: this worker must stop now.
        """
        self.touched = time.monotonic()
        if self.lost or self.touched > self.expires:
            raise LeaseLost(f"shard {self.held.number} of job {self.job_id} was given to another worker")
        if self.stopped:
            raise Stopped
        if self.stopping():
            raise ShuttingDown


class JobRunner(Protocol):
    """The code of one kind. Every method can run twice, the second time while an abandoned first run still continues."""

    kind: ClassVar[JobKind]

    def plan(self, job: JobContext) -> Plan:
        """Split the job into shards, deterministically."""

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        """Do one shard; its small result is passed to `finish`."""

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending | NextWave:
        """Join the results of the shards, in the order of their numbers; the ending publishes them in one transaction."""

    def undo(self, job: JobContext) -> Ending:
        """Remove everything the job has made; runs after a cancel and after a failure that no retry can repair."""

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        """Mark the job's dataset or archive as failed; the work is kept for `retry`."""

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        """Leave to the sweep what `undo` could not remove."""
