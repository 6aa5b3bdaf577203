"""Reads the ledger of a running data centre, and stops a worker's process reliably in the middle of a job."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from datacenter.database.engine import Database
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.states import ShardState, Step
from datacenter.settings.model import DatabaseSettings

PATIENCE_SECONDS = 60
POLL_SECONDS = 0.002


@dataclass(frozen=True, kw_only=True)
class ShardSeen:
    """A shard as the ledger has it at one moment."""

    number: int
    state: ShardState
    owner: str | None
    token: int
    attempts: int

    @property
    def pid(self) -> int:
        """The process that holds it."""
        assert self.owner is not None
        return int(self.owner.rpartition(":")[2])


@dataclass(frozen=True, kw_only=True)
class Middle:
    """The moment at which a job was caught: some shards done, one held by a stopped process."""

    job_id: str
    done: list[ShardSeen]
    held: ShardSeen


class LedgerWatch:
    """Reads the ledger beside the processes that write it."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._database = Database(settings)

    def close(self) -> None:
        self._database.close()

    def shards(self, job_id: str) -> dict[int, ShardSeen]:
        """The shards of a job's run, by number."""
        wanted = (Shard.job_id == job_id, Shard.step == Step.RUN)
        columns = (Shard.number, Shard.state, Shard.owner, Shard.token, Shard.attempts)
        with self._database.reading() as session:
            rows = session.execute(select(*columns).where(*wanted)).all()
        return {
            number: ShardSeen(
                number=number, state=ShardState(state), owner=owner, token=token, attempts=attempts
            )
            for number, state, owner, token, attempts in rows
        }

    def stop_in_the_middle(self, job_id: str) -> Middle:
        """Stop (SIGSTOP) a process that holds a shard of the job after at least one other shard is done.

        A shard may be completed just before the stop takes effect, so it is read again afterwards.
        """
        for _ in self._polls(f"job {job_id} was never in its middle"):
            held = self._held(job_id)
            if held is None:
                continue
            os.kill(held.pid, signal.SIGSTOP)
            still = _is_stopped(held.pid) and self.shards(job_id).get(held.number) == held
            if still and self._nothing_is_locked(job_id):
                done = [shard for shard in self.shards(job_id).values() if shard.state == ShardState.DONE]
                return Middle(job_id=job_id, done=done, held=held)
            os.kill(held.pid, signal.SIGCONT)
        raise AssertionError("unreachable: the polls end with an error")

    def stop_outside_transactions(self, pids: list[int]) -> None:
        """Stop (SIGSTOP) idle processes while none of them holds a lock."""
        for _ in self._polls("the processes were never idle at once"):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            if all(_is_stopped(pid) for pid in pids) and self._nothing_is_locked(""):
                return
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _nothing_is_locked(self, job_id: str) -> bool:
        """Whether the process was stopped outside a transaction: otherwise it would block all processes, not only its shard."""
        try:
            if self._database.engine.dialect.name == "sqlite":
                with sqlite3.connect(self._database.engine.url.database or "", timeout=0.2) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.rollback()
                connection.close()
            else:
                with self._database.transaction() as session:
                    session.execute(
                        select(Shard.id).where(Shard.job_id == job_id).with_for_update(nowait=True)
                    )
                    session.execute(select(Job.id).where(Job.id == job_id).with_for_update(nowait=True))
        except (sqlite3.OperationalError, OperationalError):
            return False
        return True

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the condition holds."""
        for _ in self._polls(what, seconds):
            if condition():
                return

    def _held(self, job_id: str) -> ShardSeen | None:
        shards = self.shards(job_id).values()
        if not any(shard.state == ShardState.DONE for shard in shards):
            return None
        return next((shard for shard in shards if shard.state == ShardState.LEASED), None)

    def _polls(self, what: str, seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield
            time.sleep(POLL_SECONDS)
        raise AssertionError(what)


@contextmanager
def watching(settings: DatabaseSettings) -> Iterator[LedgerWatch]:
    """A watch that is closed afterwards."""
    watch = LedgerWatch(settings)
    try:
        yield watch
    finally:
        watch.close()


def _is_stopped(pid: int) -> bool:
    """Whether the process has stopped; a signal takes effect a moment after it was sent."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "T":
                return True
        time.sleep(0.0005)
    return False
