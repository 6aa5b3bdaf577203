"""Tracing: spans from a request through its jobs to the calls of storages; without an endpoint nothing, at no cost.

A trace goes on in the row of a job, not in the ring, which may be lost: each shard is a child of the span that
committed the job.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Protocol

Attributes = Mapping[str, str | int]


class Kind(StrEnum):
    """What a span stands for, in OpenTelemetry's words."""

    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


class Span(Protocol):
    """A piece of work with a beginning and an end."""

    def set_attributes(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Add what is known only now."""

    def end(self, failure: str | None = None) -> None:
        """It is over; `failure` is a code or the name of a class, never a message, which may hold secrets."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: str | None
    ) -> AbstractContextManager[Span]:
        """A span to whose children what happens within belongs; `parent` is a traceparent of another process."""

    def begin(self, name: str, attributes: Attributes) -> Span:
        """A span of a call that goes on beside others; a child of what happens now, and nothing where that is nothing."""

    def traceparent(self) -> str | None:
        """The present span, as another process can go on with it."""

    def trace_id(self) -> str | None:
        """The present trace, as logs name it."""

    def close(self) -> None:
        """Send what is not sent yet."""


class Nothing:
    """A span, and the tracer of whoever wants none."""

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


_tracer: Tracer = Nothing()


def tracer() -> Tracer:
    """The tracer of this process."""
    return _tracer


def use(chosen: Tracer) -> None:
    """Trace with this tracer from now on; `startup.configure_tracing` says which."""
    global _tracer
    _tracer = chosen
