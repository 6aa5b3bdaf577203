"""Tables on a slow server: waiting counts as progress, and ends when the job is cancelled."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.jobs.prefix_imports import check_nothing_left, imported
from support.tables.datasets import ANIMALS, KEPT, SOURCE, TableBench, exported, table_bench

from datacenter.ledger.ledger import request_cancel
from storage_adapters.network.waiting import Check, never_cancelled

QUERY = {"storage": "tables", "query": "SELECT"}
A_MINUTE = 60


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[TableBench]:
    with table_bench(tmp_path) as found:
        found.content.queries["SELECT"] = ANIMALS
        ledger = found.settings.ledger.model_copy(update={"heartbeat_seconds": 0.05})
        settings = found.settings.model_copy(update={"ledger": ledger})
        found.resources = replace(found.resources, settings=settings)
        yield found


@pytest.mark.parametrize(
    ("source", "question"), [(SOURCE, 1), (SOURCE, 2), (SOURCE, 3), (QUERY, 1), (QUERY, 2)]
)
def test_an_import_that_is_cancelled_while_it_waits_ends(
    bench: TableBench, source: dict[str, Any], question: int
) -> None:
    """The plan requests the columns, then the partitions of a table; a shard requests rows."""
    dataset, job = bench.submit_source(source)
    questions: list[int] = []

    def wait(check: Check) -> None:
        questions.append(1)
        if len(questions) == question:
            bench.database.run(lambda session: request_cancel(session, bench.project_id, job.id))
            wait_for_ever(check)

    bench.content.wait = wait
    bench.work()

    assert bench.job(job.id).state == "REVOKED"
    check_nothing_left(bench, dataset)


def test_no_job_waits_for_a_server_without_looking_whether_it_is_wanted(bench: TableBench) -> None:
    """Import from a table into a kept table, export it, and delete it."""
    looks: list[bool] = []
    bench.content.wait = bench.kept.wait = lambda check: looks.append(check is not never_cancelled)

    dataset, job = imported(bench, SOURCE, storage=KEPT)
    assert job.state == "SUCCESS", job.error
    exported(bench, dataset)
    bench.delete(dataset.id)
    bench.work()

    assert len(looks) > 10
    assert all(looks)


def wait_for_ever(check: Check) -> None:
    """Wait for a minute, which no test does to the end. Raises: what the check raises."""
    until = time.monotonic() + A_MINUTE
    while time.monotonic() < until:
        check()
        time.sleep(0.01)
