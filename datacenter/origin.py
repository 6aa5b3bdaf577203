"""Origin: which request this code runs for, so that what it says and starts can be followed across processes.

A request's id is bound to the context of whoever serves it, stands in the row of every job that the request starts,
and is bound again by the worker that holds a shard of the job. It travels with the row and not with the ring, which
may be lost.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars, get_contextvars

REQUEST_ID = "request_id"
Origin = dict[str, str]


def serving(request_id: str) -> AbstractContextManager[object]:
    """Bind a request to everything that is logged and started within."""
    return bound_contextvars(**{REQUEST_ID: request_id})


def origin_of_job() -> Origin | None:
    """What a job's row keeps of whoever starts it here; None where no request does."""
    request_id = get_contextvars().get(REQUEST_ID)
    return {REQUEST_ID: request_id} if request_id else None


def working(origin: Mapping[str, str] | None, **ids: str | int) -> AbstractContextManager[object]:
    """Bind a job's shard, and the request that the job comes from, to everything that is logged within."""
    request = {REQUEST_ID: origin[REQUEST_ID]} if origin and REQUEST_ID in origin else {}
    return bound_contextvars(**request, **ids)
