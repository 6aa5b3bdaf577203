"""When jobs begin: not before their time, after the jobs that they wait for, the most urgent first."""

import os
import signal
from datetime import UTC, datetime, timedelta

from support.jobs.ledger_watch import watching
from support.jobs.rest_jobs import start_import


def test_a_job_begins_no_earlier_than_it_may(client, small, name):
    moment = datetime.now(UTC) + timedelta(seconds=1.5)

    _, job = start_import(client, small, name, not_before=moment.isoformat())

    ended = client.jobs.wait(job)
    assert ended.state == "SUCCESS"
    assert ended.started_at is not None
    assert ended.started_at >= moment


def test_a_job_begins_after_the_jobs_that_it_waits_for(client, small, name):
    moment = datetime.now(UTC) + timedelta(seconds=1)
    first = start_import(client, small, f"{name}-1", not_before=moment.isoformat())[1]
    second = start_import(client, small, f"{name}-2")[1]

    third = start_import(client, small, f"{name}-3", after=[first.id, second.id])[1]

    ended = [client.jobs.wait(job) for job in (first, second, third)]
    assert [job.state for job in ended] == ["SUCCESS"] * 3
    finished = [job.finished_at for job in ended[:2] if job.finished_at]
    assert ended[2].started_at is not None
    assert ended[2].started_at >= max(finished)
    assert set(ended[2].after) == {first.id, second.id}


def test_a_job_fails_when_a_job_that_it_waits_for_does(client, small, name):
    missing = {"storage": "inbox", "key": "never.zip"}
    later = datetime.now(UTC) + timedelta(seconds=1)
    first = client.datasets.create(f"{name}-1", missing, options={"not_before": later.isoformat()})[1]

    made, second = start_import(client, small, f"{name}-2", after=[first.id])

    ended = client.jobs.wait(second)
    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert ended.error.code == "DEPENDENCY_FAILED"
    assert first.id in ended.error.message
    assert client.datasets.get(made.id).state == "FAILED"


def test_the_most_urgent_job_is_served_first(centre, client, small, name):
    """One process serves them all: two that claim at the same moment begin in either order."""
    children = centre.worker_children()
    with watching(centre.database) as watch:
        watch.stop_outside_transactions(children)
    try:
        jobs = [
            start_import(client, small, f"{name}-{priority}", priority=priority)[1]
            for priority in (0, -100, 5, 100, 50)
        ]
        os.kill(children[0], signal.SIGCONT)
        started = {job.priority: job.started_at for job in map(client.jobs.wait, jobs)}
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)

    assert sorted(started, key=lambda priority: started[priority]) == [100, 50, 5, 0, -100]
