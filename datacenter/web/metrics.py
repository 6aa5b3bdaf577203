"""Metrics for Prometheus: requests as they are served, jobs and queues as the ledger has them at each scrape."""

from collections.abc import Iterator
from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from datacenter.database import Database, now
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.states import ShardState
from datacenter.web.calls import API

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
router = APIRouter(tags=["health"])


class Metrics:
    """The measures of one application, in a registry of its own."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "datacenter_requests_total",
            "Requests served.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "datacenter_request_seconds",
            "Time from a request to the last byte of its answer.",
            ("method", "route"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.registry.register(LedgerCollector(database))

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange; status 0 is a client that left before its answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class LedgerCollector(Collector):
    """Reads the ledger when it is asked, so that every web process tells the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing in advance: registering must not need a database."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        jobs = GaugeMetricFamily("datacenter_jobs", "Jobs in the ledger.", labels=("kind", "state"))
        ready = GaugeMetricFamily(
            "datacenter_ready_shards", "Shards that wait for a worker.", labels=("queue",)
        )
        oldest = GaugeMetricFamily(
            "datacenter_oldest_ready_seconds",
            "Age of the oldest job with a shard that waits for a worker.",
            labels=("queue",),
        )
        with self._database.reading() as session:
            time = now(session)
            by_state = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
            for kind, state, count in session.execute(by_state):
                jobs.add_metric((str(kind), str(state)), count)
            by_queue = (
                select(Shard.queue, func.count(), func.min(Job.created_at))
                .join(Job, Job.id == Shard.job_id)
                .where(Shard.state == ShardState.READY)
                .group_by(Shard.queue)
            )
            for queue, count, created_at in session.execute(by_queue):
                ready.add_metric((queue,), count)
                oldest.add_metric((queue,), max(0.0, (time - created_at).total_seconds()))
        yield from (jobs, ready, oldest)


@router.get("/metrics", include_in_schema=False)
@router.get(
    f"{API}/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
    summary="Metrics",
)
def metrics(request: Request) -> Response:
    """Names no dataset and no project."""
    kept = cast(Metrics, request.app.state.metrics)
    return Response(generate_latest(kept.registry), media_type=CONTENT_TYPE_LATEST)
