"""Metrics for Prometheus: what this web process has counted."""

from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from datacenter.metrics import Metrics, tell_build
from datacenter.web.calls import API

router = APIRouter(tags=["health"])


class ExchangeCounts:
    """The exchanges of one application, beside all else that its process counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._process = CollectorRegistry()
        tell_build(self._process, "web")
        ProcessCollector(registry=self._process)

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one exchange; status 0 is a client that left before its answer."""
        status_class = f"{status // 100}xx" if status else "none"
        self._metrics.requests.labels(method, route, status_class).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._process) + generate_latest(self._metrics.registry)


@router.get("/metrics", include_in_schema=False)
@router.get(
    f"{API}/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
    summary="Metrics",
)
def metrics(request: Request) -> Response:
    """Names no dataset and no project."""
    counts = cast(ExchangeCounts, request.app.state.metrics)
    return Response(counts.text(), media_type=CONTENT_TYPE_LATEST)
