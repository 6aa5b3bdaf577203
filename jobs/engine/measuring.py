"""Measuring: the outcomes of shard attempts, their duration, and the files and bytes they process."""

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
    """The worker was stopping."""
    LOST = "lost"
    """Another worker has the shard."""


@dataclass(kw_only=True)
class Attempt:
    """What is measured of an attempt; FAILED unless another outcome is set."""

    outcome: AttemptOutcome = AttemptOutcome.FAILED
    files: int = 0
    size_bytes: int = 0

    def mark_done(self, *, files: int, size_bytes: int) -> None:
        """Call when the attempt's result is committed."""
        self.outcome, self.files, self.size_bytes = AttemptOutcome.DONE, files, size_bytes


def begin_measuring(metrics: Metrics) -> None:
    """Reset the gauge of running shards: a new process holds none, whatever the process before it in its place held."""
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
