"""The time from the request to the start of its job by a worker."""

import time
from statistics import median, quantiles

from benchmarks.exporting import every_label
from benchmarks.measured import Findings, Row
from benchmarks.workshop import Workshop

JOBS = 100
MEDIAN_SECONDS = 0.1


def measure(shop: Workshop) -> Findings:
    """Small exports, each after the end of the one before; both times are from the same clock."""
    single = shop.single
    shop.settle()
    waits = [_wait(shop, single.id, number) for number in range(JOBS)]
    middle, late = median(waits), quantiles(waits, n=20)[-1]
    row = Row(
        what=f"POST to STARTED, {JOBS} jobs",
        ours=f"{1000 * middle:.0f} ms, p95 {1000 * late:.0f} ms",
        goal=f"median < {1000 * MEDIAN_SECONDS:.0f} ms",
        met=middle < MEDIAN_SECONDS,
    )
    return Findings(rows=[row])


def _wait(shop: Workshop, dataset_id: str, number: int) -> float:
    client = shop.centre.client
    began = time.time()
    _, job = client.exports.create([dataset_id], labels=every_label(f"start {number}"))
    job = client.jobs.wait(job, timeout_seconds=60)
    assert job.started_at is not None, job
    return job.started_at.timestamp() - began
