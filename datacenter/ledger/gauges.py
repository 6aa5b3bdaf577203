"""Gauges: the state of the ledger, read when Prometheus scrapes, but at most every few seconds."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.database.engine import Database, now
from datacenter.ledger.models import Job, OutboxMessage, Shard
from datacenter.ledger.states import FINISHED, QUEUES, JobKind, JobState, ShardState

OPEN = tuple(state for state in JobState if state not in FINISHED)
REFRESH_SECONDS = 5.0
log = structlog.get_logger(__name__)


class LedgerCollector(Collector):
    """Exported by one process only: the values are global, so a sum over processes would count them twice.

    While the database is away it exports nothing instead of old values.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._families: list[GaugeMetricFamily] = []
        self._refresh_at = float("-inf")

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing in advance: registering must not need a database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        with self._lock:
            if time.monotonic() >= self._refresh_at:
                self._families = self._measure()
                self._refresh_at = time.monotonic() + REFRESH_SECONDS
            families = self._families
        yield from families

    def _measure(self) -> list[GaugeMetricFamily]:
        try:
            with self._database.reading() as session:
                return [_jobs(session), *_queues(session), _oldest(session), _outbox(session)]
        except SQLAlchemyError as error:
            log.warning("the ledger could not be measured", reason=type(error).__name__)
            return []


def _jobs(session: Session) -> GaugeMetricFamily:
    """Uses the index of states, so the many finished jobs cost nothing."""
    family = GaugeMetricFamily("datacenter_jobs", "Jobs that have not ended.", labels=("kind", "state"))
    by_state = select(Job.kind, Job.state, func.count()).where(Job.state.in_(OPEN))
    counts = {
        (kind, state): count for kind, state, count in session.execute(by_state.group_by(Job.kind, Job.state))
    }
    for kind in JobKind:
        for state in OPEN:
            family.add_metric((kind, state), counts.get((kind, state), 0))
    return family


def _queues(session: Session) -> Iterator[GaugeMetricFamily]:
    for state, name, meaning in (
        (ShardState.READY, "datacenter_queue_ready_shards", "Shards that wait for a worker."),
        (ShardState.LEASED, "datacenter_queue_leased_shards", "Shards that a worker holds."),
    ):
        family = GaugeMetricFamily(name, meaning, labels=("queue",))
        by_queue = select(Shard.queue, func.count()).where(Shard.queue.in_(QUEUES), Shard.state == state)
        counts = dict(session.execute(by_queue.group_by(Shard.queue)).all())
        for queue in QUEUES:
            family.add_metric((queue,), counts.get(queue, 0))
        yield family


def _oldest(session: Session) -> GaugeMetricFamily:
    """Starts from open jobs, not from shards: there are far fewer jobs."""
    family = GaugeMetricFamily(
        "datacenter_queue_oldest_age_seconds",
        "How long the oldest job with a shard that waits for a worker has been due.",
        labels=("queue",),
    )
    due_at = case((Job.not_before > Job.created_at, Job.not_before), else_=Job.created_at)
    waits = select(Shard.id).where(Shard.job_id == Job.id, Shard.state == ShardState.READY).exists()
    oldest = select(Job.queue, func.min(due_at)).where(Job.state.in_(OPEN), waits).group_by(Job.queue)
    since: dict[str, datetime] = dict(session.execute(oldest).all())
    moment = now(session)
    for queue in QUEUES:
        age = (moment - since[queue]).total_seconds() if queue in since else 0.0
        family.add_metric((queue,), max(0.0, age))
    return family


def _outbox(session: Session) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "datacenter_outbox_messages", "Committed messages that are not sent yet.", labels=("kind",)
    )
    by_kind = select(OutboxMessage.kind, func.count()).group_by(OutboxMessage.kind)
    counts = dict(session.execute(by_kind).all())
    for kind in ("ring", "notify"):
        family.add_metric((kind,), counts.get(kind, 0))
    return family
