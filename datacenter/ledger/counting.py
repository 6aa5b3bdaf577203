"""Counting: metrics of jobs and shards are counted after the commit, and not at all after a rollback."""

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session

from datacenter.database.engine import Database
from datacenter.ledger.states import FINISHED, JobKind
from datacenter.observability.metrics import Metrics

_KEY = "datacenter.observability.metrics"
Count = Callable[[Metrics], None]


def count_in(database: Database, metrics: Metrics) -> None:
    """Count in these metrics what sessions of this database commit; other sessions count nothing."""
    database.info[_KEY] = metrics
    _begin_at_zero(metrics)


def _begin_at_zero(metrics: Metrics) -> None:
    """Start each counter at 0: Prometheus' `increase` misses the event that creates a counter."""
    for kind in JobKind:
        for counter in (metrics.jobs_submitted, metrics.shard_retries, metrics.leases_lost):
            counter.labels(kind)
        for state in FINISHED:
            metrics.jobs_finished.labels(kind, state)


def count(session: Session, how: Count) -> None:
    """Count after this session's transaction is committed."""
    metrics: Metrics | None = session.info.get(_KEY)
    if metrics is not None:
        event.listen(session, "after_commit", lambda _: how(metrics), once=True)
