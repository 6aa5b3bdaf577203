"""Measuring: how many attempts of shards end how, how long they take, and what they get done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from datacenter.ledger.leases import Claim
from datacenter.ledger.states import JobKind, Step
from datacenter.observability.metrics import Metrics


class AttemptOutcome(StrEnum):
    """How an attempt of a shard ended."""

    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """The job was cancelled, or another of its shards failed for good."""
    HANDED_BACK = "handed_back"
    """The worker stops."""
    LOST = "lost"
    """Another worker has it."""


@dataclass(kw_only=True)
class Attempt:
    """What is to be told of an attempt when it has ended; it has failed unless it is said otherwise."""

    outcome: AttemptOutcome = AttemptOutcome.FAILED
    files: int = 0
    size_bytes: int = 0

    def is_done(self, *, files: int, size_bytes: int) -> None:
        """Its result is committed."""
        self.outcome, self.files, self.size_bytes = AttemptOutcome.DONE, files, size_bytes


def begin_measuring(metrics: Metrics) -> None:
    """A process that has just been started holds nothing, whatever the one before it in its place held."""
    for kind in JobKind:
        metrics.shards_running.labels(kind).set(0)


@contextmanager
def measured(metrics: Metrics, held: Claim) -> Iterator[Attempt]:
    """Measure one attempt."""
    attempt = Attempt()
    running = metrics.shards_running.labels(held.kind)
    running.inc()
    began = time.perf_counter()
    try:
        yield attempt
    finally:
        running.dec()
        metrics.shard_seconds.labels(held.kind, held.step).observe(time.perf_counter() - began)
        metrics.shards.labels(held.kind, held.step, attempt.outcome).inc()
        if held.step is Step.RUN:
            metrics.processed_files.labels(held.kind).inc(attempt.files)
            metrics.processed_bytes.labels(held.kind).inc(attempt.size_bytes)
