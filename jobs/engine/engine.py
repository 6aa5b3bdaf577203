"""The engine: claims shards and runs their step, for every kind of job."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.datasets.resources import Resources
from datacenter.errors import LeaseLost
from datacenter.ledger import leases
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.ledger.leases import Claim
from datacenter.ledger.models import Shard
from datacenter.ledger.outbox import ring_committed
from datacenter.ledger.states import JobKind, ShardState, Step
from datacenter.observability.context import working
from jobs.contract import JobContext, JobRunner, NextWave, ShuttingDown, Stopped
from jobs.engine import memory
from jobs.engine.errors import describe
from jobs.engine.heartbeat import Heartbeat
from jobs.engine.measuring import AttemptOutcome, measured

RESULT_ROWS = 500
log = structlog.get_logger(__name__)


class Engine:
    """Does the work of one worker process. A claimed shard belongs to it as long as the lease's token is unchanged."""

    def __init__(
        self,
        resources: Resources,
        runners: Mapping[JobKind, JobRunner],
        owner: str,
        *,
        stopping: Callable[[], bool],
        must_stop: Callable[[], bool],
        overdue: Callable[[], bool] = lambda: False,
    ) -> None:
        """No shard is claimed when `stopping`. The claimed one is handed back when it `must_stop`, and by the heartbeat when
        `overdue`."""
        self._resources = resources
        self._runners = runners
        self._owner = owner
        self._stopping = stopping
        self._must_stop = must_stop
        self._overdue = overdue

    def work(self, queue: str) -> int:
        """Claim and run shards of a queue for a time slice; rings again if work may be left. Returns how many were run."""
        until = time.monotonic() + self._resources.settings.ledger.slice_seconds
        done = 0
        while not self._stopping():
            held = self._claim(queue)
            if held is None:
                return done
            self._process(held)
            memory.trim_memory()
            done += 1
            if time.monotonic() > until:
                break
        try:
            self._resources.doorbell.ring(queue, "")
        except BrokerUnavailable as error:
            log.warning("ring left to the sweep", queue=queue, reason=str(error))
        return done

    def _claim(self, queue: str) -> Claim | None:
        lease = timedelta(seconds=self._resources.settings.ledger.lease_seconds)
        return self._resources.database.run(lambda session: leases.claim(session, queue, self._owner, lease))

    def _process(self, held: Claim) -> None:
        context = JobContext(held=held, resources=self._resources, stopping=self._must_stop)
        ids: dict[str, Any] = {"job_id": held.job_id, "kind": held.kind.value}
        with working(held.origin, **ids, step=held.step.value, shard=held.number) as span:
            log.info("shard begins", attempt=held.attempts + 1)
            span.set_attributes({"datacenter.shard.outcome": self._attempt(context)})

    def _attempt(self, context: JobContext) -> AttemptOutcome:
        held = context.held
        with measured(self._resources.metrics, held) as attempt:
            try:
                with Heartbeat(context, self._overdue):
                    commit = self._run_step(context)
                self._run(commit)
                attempt.mark_done(files=context.files, size_bytes=context.size_bytes)
            except LeaseLost:
                attempt.outcome = AttemptOutcome.LOST
                log.warning("lease lost")
                return attempt.outcome
            except Stopped:
                attempt.outcome = AttemptOutcome.DROPPED
                self._settle(held, lambda session: leases.drop(session, held))
            except ShuttingDown:
                attempt.outcome = AttemptOutcome.HANDED_BACK
                self._settle(held, lambda session: leases.hand_back(session, held))
            except Exception as error:  # noqa: BLE001 - whatever a shard raises becomes the job's error in the ledger
                self._record(held, error)
        log.info("shard ends", files=context.files, size_bytes=context.size_bytes)
        ring_committed(self._resources.database, self._resources.doorbell, held.job_id)
        return attempt.outcome

    def _run_step(self, context: JobContext) -> Callable[[Session], None]:
        """Run the step; returns the function that commits it."""
        held, runner = context.held, self._runners[context.held.kind]
        match held.step:
            case Step.PLAN:
                plan = runner.plan(context)
                # Listed before the transaction, which may be repeated.
                shards = list(plan.shards)
                return lambda session: leases.complete_plan(session, held, shards, plan.totals, plan.phase)
            case Step.RUN:
                result = runner.run_shard(context, held.spec)
                files, size_bytes = context.files, context.size_bytes
                return lambda session: leases.complete_shard(
                    session, held, result, files=files, size_bytes=size_bytes
                )
            case Step.FINISH:
                ending = runner.finish(context, self._results(held.job_id))
                if isinstance(ending, NextWave):
                    wave = list(ending.shards)
                    return lambda session: leases.complete_wave(session, held, wave)
                result_, publish = ending.result or {}, ending.publish
                return lambda session: leases.complete_finish(session, held, result_, publish)
            case Step.UNDO:
                undone = runner.undo(context)
                return lambda session: leases.complete_undo(session, held, undone.result, undone.publish)

    def _results(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The results of a job's shards by number, a page at a time."""
        last = 0
        while True:
            with self._resources.database.reading() as session:
                done = (Shard.job_id == job_id, Shard.step == Step.RUN, Shard.state == ShardState.DONE)
                query = select(Shard.number, Shard.result).where(*done, Shard.number > last)
                page = session.execute(query.order_by(Shard.number).limit(RESULT_ROWS)).all()
            for number, result in page:
                yield result or {}
                last = number
            if len(page) < RESULT_ROWS:
                return

    def _record(self, held: Claim, error: Exception) -> None:
        failure = describe(error)
        # An adapter's message may quote a secret of its storage.
        message = self._resources.storages.redact(failure.message)
        log.warning("shard failed", code=failure.code, reason=message)
        runner = self._runners[held.kind]
        mark_ended = runner.given_up if held.step is Step.UNDO else runner.interrupted
        self._settle(
            held,
            lambda session: leases.fail(
                session,
                held,
                self._resources.settings.ledger,
                code=failure.code,
                message=message,
                entry=failure.entry,
                retryable=failure.retryable,
                publish=lambda inner: mark_ended(inner, held.payload),
            ),
        )

    def _settle(self, held: Claim, change: Callable[[Session], None]) -> None:
        """Record how a shard ended; if that fails, the lease runs out and the sweep reclaims the shard."""
        try:
            self._run(change)
        except LeaseLost:
            log.warning("lease lost")
        except SQLAlchemyError as error:
            log.warning("left to the sweep", reason=str(error))

    def _run(self, change: Callable[[Session], None]) -> None:
        self._resources.database.run(change)
