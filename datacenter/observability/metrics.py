"""Metrics: all metrics of a process in one table, and the server that Prometheus scrapes.

Each process counts its own work. No label holds an id, a path, or any other value without a bound. `docs/metrics.md`
explains the metrics.
"""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    make_wsgi_app,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from datacenter.errors import DataCentreError, SettingsInvalid
from datacenter.settings.model import MetricsSettings

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the number of series, and nothing uses them
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
CALL_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60, 300)
SHARD_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
JOB_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)


class Metrics:
    """The counts of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Jobs: counted by the process that commits the change.
        self.jobs_submitted = self._counter("datacenter_jobs_submitted", "Jobs that were committed.", "kind")
        self.jobs_finished = self._counter("datacenter_jobs_finished", "Jobs that ended.", "kind", "state")
        self.job_seconds = self._histogram(
            "datacenter_job_duration_seconds", "From a job's submission to its end.", JOB_SECONDS, "kind"
        )
        self.shard_retries = self._counter(
            "datacenter_shard_retries", "Failed attempts of shards that are retried.", "kind"
        )
        self.leases_lost = self._counter("datacenter_leases_lost", "Leases that ran out.", "kind")
        # Storages: counted by the process that calls them.
        self.storage_seconds = self._histogram(
            "datacenter_storage_call_duration_seconds",
            "Time that the caller of a storage waited for it.",
            CALL_SECONDS,
            "storage",
            "operation",
        )
        self.storage_errors = self._counter(
            "datacenter_storage_errors",
            "Calls, and single keys within a call, that failed.",
            "storage",
            "operation",
            "code",
        )
        self.storage_read = self._counter(
            "datacenter_storage_read_bytes", "Bytes read from storages.", "storage"
        )
        self.storage_written = self._counter(
            "datacenter_storage_written_bytes", "Bytes written to storages.", "storage"
        )
        # The web layer.
        self.requests = self._counter(
            "datacenter_http_requests", "Requests served.", "method", "route", "status_class"
        )
        self.request_seconds = self._histogram(
            "datacenter_http_request_duration_seconds",
            "From a request to the last byte of its response.",
            REQUEST_SECONDS,
            "method",
            "route",
        )
        # Workers.
        self.shards = self._counter(
            "datacenter_shards", "Attempts of shards that ended.", "kind", "step", "outcome"
        )
        self.shard_seconds = self._histogram(
            "datacenter_shard_duration_seconds", "One attempt of a shard.", SHARD_SECONDS, "kind", "step"
        )
        self.processed_files = self._counter(
            "datacenter_processed_files", "Files of shards that are done.", "kind"
        )
        self.processed_bytes = self._counter(
            "datacenter_processed_bytes", "Bytes of shards that are done.", "kind"
        )
        self.messages_dropped = self._counter(
            "datacenter_messages_dropped", "Messages of the broker that are not rings."
        )
        self.shards_running = Gauge(
            "datacenter_shards_running",
            "Shards held now.",
            ("kind",),
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        # The scheduler.
        self.turns = self._counter(
            "datacenter_scheduler_turns", "Turns of the scheduler's work.", "work", "outcome"
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, registry=self.registry, buckets=buckets)


class ConstantCollector(Collector):
    """A gauge that never changes."""

    def __init__(self, name: str, meaning: str, value: float = 1, **labels: str) -> None:
        self._family = GaugeMetricFamily(name, meaning, labels=tuple(labels))
        self._family.add_metric(tuple(labels.values()), value)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The one value."""
        yield self._family


def register_build_info(registry: CollectorRegistry, component: str) -> None:
    """Add the program and its release to a registry."""
    try:
        release = version("datacenter")
    except PackageNotFoundError:
        release = "unknown"
    about = ConstantCollector(
        "datacenter_build_info", "The program that is scraped.", component=component, version=release
    )
    registry.register(about)


def serve_metrics_and_health(
    settings: MetricsSettings, registry: CollectorRegistry, require_life: Callable[[], object]
) -> None:
    """Serve `/metrics` and `/healthz` (the loop's liveness) until the process ends; do nothing if no port is set.

    `require_life` raises a DataCentreError when the loop hangs. Served from threads, so a hung loop cannot block it.

    Raises: SettingsInvalid, when the port cannot be opened.
    """
    if not settings.port:
        return
    server = serve_metrics(registry, settings.host, settings.port, key="metrics.port")
    server.set_app(_with_life(make_wsgi_app(registry), require_life))


def serve_metrics(registry: CollectorRegistry, host: str, port: int, *, key: str) -> "WSGIServer":
    """Serve `/metrics` in threads until the server is shut down; `key` is the setting of the port.

    Raises: SettingsInvalid, when the port cannot be opened.
    """
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsInvalid(f"{key}: cannot listen on {host}:{port}: {error.strerror}") from error
    return server


def _with_life(metrics: "WSGIApplication", require_life: Callable[[], object]) -> "WSGIApplication":
    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            return metrics(environ, start_response)
        status, sentence = "200 OK", "alive"
        try:
            require_life()
        except DataCentreError as error:
            status, sentence = "503 Service Unavailable", error.detail
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{sentence}\n".encode()]

    return answer
