"""Request context: the id and the subject of the request that code runs for, so that logs and jobs name them.

The web layer binds a request's id to its context and stores it in the row of every job that the request starts. A
worker that holds a shard of the job binds it again. The id travels in the row and not with the ring, which may be lost.
If tracing is on, the trace travels the same way.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

from datacenter.observability.tracing import Attributes, Kind, Span, tracer

REQUEST_ID, TRACEPARENT, TRACE_ID = "request_id", "traceparent", "trace_id"
WHO, SUBJECT, PROJECT = "who", "subject", "project"
RequestOrigin = dict[str, str]


@contextmanager
def serving(request_id: str, *, method: str, parent: str | None) -> Iterator[Span]:
    """Bind a request to all logs and jobs within; `parent` is the request's own traceparent."""
    attributes = {"http.request.method": method, "datacenter.request.id": request_id}
    with (
        tracer().span(method, Kind.SERVER, attributes, parent) as span,
        bound_contextvars(**{REQUEST_ID: request_id}, **_trace()),
    ):
        yield span


def acting(who: str, *, subject: str, project: str) -> None:
    """Bind the subject of the request to all logs, and to what is written, until the request ends."""
    bind_contextvars(**{WHO: who, SUBJECT: subject, PROJECT: project})


def actor() -> str | None:
    """The name of the subject that the code acts for; None outside of a request."""
    return get_contextvars().get(WHO)


def origin_of_job(job_id: str, kind: str) -> RequestOrigin | None:
    """The origin for the row of a job that is started here; None outside of a request."""
    request_id = get_contextvars().get(REQUEST_ID)
    with tracer().span(f"submit {kind}", Kind.PRODUCER, {"datacenter.job.id": job_id}, None):
        origin = {REQUEST_ID: request_id, TRACEPARENT: tracer().traceparent()}
    return {name: value for name, value in origin.items() if value} or None


@contextmanager
def working(
    origin: Mapping[str, str] | None, *, job_id: str, kind: str, step: str, shard: int
) -> Iterator[Span]:
    """Bind a job's shard, and the request that started the job, to all logs and calls within."""
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
