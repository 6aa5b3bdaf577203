"""Tracing: spans from a request through its jobs to the storage calls; without an endpoint it is off and costs nothing.

The trace travels in the row of a job, not in the ring, which may be lost: each shard is a child of the span that
committed the job.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Protocol

Attributes = Mapping[str, str | int]


class Kind(StrEnum):
    """The kind of a span, as OpenTelemetry names it."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


class Span(Protocol):
    """A piece of work with a beginning and an end."""

    def set_attributes(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Add attributes that are known only now."""

    def end(self, failure: str | None = None) -> None:
        """End the span; `failure` is a code or a class name, never a message, which may hold secrets."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: str | None
    ) -> AbstractContextManager[Span]:
        """The current span for the code within; `parent` is a traceparent of another process."""

    def begin(self, name: str, attributes: Attributes) -> Span:
        """A span of a call that runs beside others: a child of the current span, or no span if there is none."""

    def traceparent(self) -> str | None:
        """The current span, in the form in which another process can continue it."""

    def trace_id(self) -> str | None:
        """The current trace, as logs name it."""

    def close(self) -> None:
        """Send the spans that are not sent yet."""


class NoTracing:
    """Both a span and a tracer that do nothing."""

    def set_attributes(self, attributes: Attributes, *, name: str | None = None) -> None:
        return

    def end(self, failure: str | None = None) -> None:
        return

    @contextmanager
    def span(self, name: str, kind: Kind, attributes: Attributes, parent: str | None) -> Iterator[Span]:
        yield self

    def begin(self, name: str, attributes: Attributes) -> Span:
        return self

    def traceparent(self) -> str | None:
        return None

    def trace_id(self) -> str | None:
        return None

    def close(self) -> None:
        return


_tracer: Tracer = NoTracing()


def tracer() -> Tracer:
    """The tracer of this process."""
    return _tracer


def use(chosen: Tracer) -> None:
    """Trace with this tracer from now on; `startup.configure_tracing` says which."""
    global _tracer
    _tracer = chosen
