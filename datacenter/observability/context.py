"""Origin: which request this code runs for, so that what it says and starts can be followed across processes.

A request's id is bound to the context of whoever serves it, stands in the row of every job that the request starts,
and is bound again by the worker that holds a shard of the job. It travels with the row and not with the ring, which
may be lost. Where traces are on, the trace goes the same way.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars, get_contextvars

from datacenter.observability.tracing import Attributes, Kind, Span, tracer

REQUEST_ID, TRACEPARENT, TRACE_ID = "request_id", "traceparent", "trace_id"
RequestOrigin = dict[str, str]


@contextmanager
def serving(request_id: str, *, method: str, parent: str | None) -> Iterator[Span]:
    """Bind a request to everything that is logged and started within; `parent` is the traceparent it came with."""
    attributes = {"http.request.method": method, "datacenter.request.id": request_id}
    with (
        tracer().span(method, Kind.SERVER, attributes, parent) as span,
        bound_contextvars(**{REQUEST_ID: request_id}, **_trace()),
    ):
        yield span


def origin_of_job(job_id: str, kind: str) -> RequestOrigin | None:
    """What a job's row keeps of whoever sets it going here; None where no request does."""
    request_id = get_contextvars().get(REQUEST_ID)
    with tracer().span(f"submit {kind}", Kind.PRODUCER, {"datacenter.job.id": job_id}, None):
        found = {REQUEST_ID: request_id, TRACEPARENT: tracer().traceparent()}
    return {name: value for name, value in found.items() if value} or None


@contextmanager
def working(
    origin: Mapping[str, str] | None, *, job_id: str, kind: str, step: str, shard: int
) -> Iterator[Span]:
    """Bind a job's shard, and the request that the job comes from, to everything that is logged and called within."""
    origin = origin or {}
    request = {REQUEST_ID: origin[REQUEST_ID]} if REQUEST_ID in origin else {}
    attributes: Attributes = {
        "datacenter.job.id": job_id,
        "datacenter.shard.number": shard,
        "datacenter.shard.step": step,
    }
    with (
        tracer().span(f"{step} {kind}", Kind.CONSUMER, attributes, origin.get(TRACEPARENT)) as span,
        bound_contextvars(**request, **_trace(), job_id=job_id, kind=kind, step=step, shard=shard),
    ):
        yield span


def _trace() -> dict[str, str]:
    trace_id = tracer().trace_id()
    return {TRACE_ID: trace_id} if trace_id else {}
