"""Metrics of this web process for Prometheus, on the web port or on a port of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from datacenter.observability.metrics import Metrics, register_build_info, serve_metrics
from datacenter.settings.model import Settings
from datacenter.web.calls import API

router = APIRouter(tags=["health"])


class RequestCounts:
    """Counts the requests of one application, beside the other metrics of its process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.registry = CollectorRegistry(support_collectors_without_names=True)
        register_build_info(self.registry, "web")
        ProcessCollector(registry=self.registry)
        self.registry.register(metrics.registry)

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; status 0: the client disconnected before the response."""
        status_class = f"{status // 100}xx" if status else "none"
        self._metrics.requests.labels(method, route, status_class).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)


@contextmanager
def metrics_served(settings: Settings, counts: RequestCounts) -> Iterator[None]:
    """Serve the metrics on `web.metrics_port` within the context; do nothing if no port is set.

    Raises: SettingsInvalid, when the port cannot be opened.
    """
    if settings.web.metrics_port is None:
        yield
        return
    server = serve_metrics(
        counts.registry, settings.metrics.host, settings.web.metrics_port, key="web.metrics_port"
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@router.get("/metrics", include_in_schema=False)
@router.get(
    f"{API}/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
    operation_id="metrics_read",
    summary="Metrics",
)
def metrics(request: Request) -> Response:
    """The metrics of this process. They name no dataset and no project."""
    counts = cast(RequestCounts, request.app.state.metrics)
    return Response(generate_latest(counts.registry), media_type=CONTENT_TYPE_LATEST)
