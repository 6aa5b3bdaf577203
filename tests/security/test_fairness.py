"""Fairness: whatever a project submits, others are served in their turn; priority orders the work of one project."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from services.rounds import DATABASE_VARIABLE
from sqlalchemy import event
from support.jobs.ledger_desk import LedgerDesk

from datacenter.access.projects import create_project
from datacenter.database.engine import Database
from datacenter.ledger import leases, ledger
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind, ShardState, Step
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

MANY = 10_000
JOBS = (1_000, pytest.param(10_000, marks=[pytest.mark.real, pytest.mark.timeout(600)]))
"""Ten thousand take half a minute to submit."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LedgerDesk]:
    desk = LedgerDesk(tmp_path)
    yield desk
    desk.database.close()


def projects_served(desk: LedgerDesk) -> Iterator[str]:
    while (held := desk.claim_any()) is not None:
        yield held.project_id


def enqueue_many(desk: LedgerDesk, jobs: int, **options: object) -> None:
    """In few transactions: a project may submit fast."""

    def enqueue(session, count: int) -> None:
        for _ in range(count):
            ledger.enqueue(
                session,
                project_id="greedy",
                kind=JobKind.EXPORT,
                payload={},
                options=JobOptions(**options),  # type: ignore[arg-type]  # as the caller gives them
            )

    for _ in range(0, jobs, 500):
        desk.run(lambda session: enqueue(session, 500))


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("priority", [100])
def test_thousands_of_jobs_of_one_project_hold_another_up_for_two_shards_at_most(
    desk: LedgerDesk, priority: int, jobs: int
) -> None:
    enqueue_many(desk, jobs, priority=priority)

    desk.enqueue(project="modest", priority=-100)

    assert "modest" in set(islice(projects_served(desk), 2))


def test_a_job_of_ten_thousand_shards_holds_another_project_up_for_two_shards_at_most(
    desk: LedgerDesk,
) -> None:
    desk.enqueue(project="greedy", priority=100)
    desk.planned(desk.claim(), MANY)

    late = desk.enqueue(project="modest")

    assert late in [desk.claim().job_id for _ in range(2)]


def test_what_comes_back_again_and_again_does_not_hold_another_project_up(desk: LedgerDesk) -> None:
    """Handed back, failed and ended: each of these is served before the project's other work, but in its turns."""
    for _ in range(20):
        desk.enqueue(project="greedy", priority=100)
    held = [desk.claim() for _ in range(10)]
    for each in held[:5]:
        desk.hand_back(each)
    for each in held[5:]:
        desk.planned(each, 0)  # ready to finish

    desk.enqueue(project="modest")

    waited = list(projects_served(desk)).index("modest")
    assert waited <= len(held), "at most what workers held at that moment goes first"


def test_a_project_that_was_idle_neither_catches_up_nor_waits(desk: LedgerDesk) -> None:
    for _ in range(100):
        desk.enqueue(project="greedy")
    list(islice(projects_served(desk), 50))

    for _ in range(50):
        desk.enqueue(project="late")

    served = Counter(islice(projects_served(desk), 40))
    assert abs(served["late"] - served["greedy"]) <= 2


def test_projects_are_served_by_their_weights(desk: LedgerDesk) -> None:
    def create(session) -> dict[str, str]:
        return {
            name: create_project(session, name, weight).id for name, weight in (("large", 3), ("small", 1))
        }

    ids = desk.run(create)
    for _ in range(60):
        for project in ids.values():
            desk.enqueue(project=project)

    served = Counter(islice(projects_served(desk), 40))

    assert served == {ids["large"]: 30, ids["small"]: 10}


def test_an_urgent_job_is_the_next_of_its_project_whatever_is_queued(desk: LedgerDesk) -> None:
    enqueue_many(desk, 500)
    other = [desk.enqueue(project="modest") for _ in range(3)]

    urgent = desk.enqueue(project="greedy", priority=1)

    first = [desk.claim().job_id for _ in range(4)]
    assert urgent in first
    assert len(set(first) & set(other)) == 2, "the other project keeps its turns"


def test_urgent_work_changes_the_order_of_a_project_and_not_the_age_of_the_rest(desk: LedgerDesk) -> None:
    low = [desk.enqueue(project="greedy") for _ in range(5)]
    high = [desk.enqueue(project="greedy", priority=9) for _ in range(3)]

    order = [held.job_id for held in iter(desk.claim_any, None)]

    assert order == [*high, *low]


def test_the_finish_of_a_job_goes_before_urgent_work_of_its_project(desk: LedgerDesk) -> None:
    job_id = desk.enqueue(project="greedy")
    desk.planned(desk.claim(), 1)
    held = desk.claim()
    desk.enqueue(project="greedy", priority=100)

    desk.done(held)

    finish = desk.claim()
    assert (finish.job_id, finish.step) == (job_id, Step.FINISH)


def test_what_a_release_before_has_queued_is_served_in_order(desk: LedgerDesk) -> None:
    """It numbered the turns of each priority from one, one apart."""
    jobs = [desk.enqueue(project="older", priority=priority) for priority in (0, 0, 5)]

    def renumber(session) -> None:
        for job_id, rank in zip(jobs, (0, 1, 0), strict=True):
            for shard in desk.shards(job_id, ShardState.READY):
                session.merge(shard).rank = rank

    desk.run(renumber)
    new = desk.enqueue(project="newer")

    order = [held.job_id for held in iter(desk.claim_any, None)]
    assert order.index(jobs[2]) < order.index(jobs[0]) < order.index(jobs[1])
    assert order.index(new) <= 2


@pytest.mark.real
def test_a_claim_on_mariadb_neither_sorts_nor_locks_what_it_does_not_take() -> None:
    url = os.environ.get(DATABASE_VARIABLE)
    if not url:
        pytest.skip(f"{DATABASE_VARIABLE} names no server")
    settings = DatabaseSettings(url=url)
    migrate(settings)
    database = Database(settings)
    statements: list[tuple[str, Any]] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def listen(_c: object, _u: object, statement: str, values: object, *_: object) -> None:
        statements.append((statement, values))

    with database.transaction() as session:
        ledger.enqueue(session, project_id="plan", kind=JobKind.EXPORT, payload={}, options=JobOptions())
    with database.transaction() as session:
        leases.claim(session, JobKind.EXPORT, "plan", timedelta(seconds=1))
        session.rollback()
    claims = [each for each in statements if "SKIP LOCKED" in each[0] and "FROM shards" in each[0]]
    with database.engine.connect() as connection:
        plans = [str(connection.exec_driver_sql(f"EXPLAIN {text}", values).all()) for text, values in claims]
    database.close()

    assert [
        index in plan for plan, index in zip(plans, ("shards_by_turn", "shards_by_owner"), strict=True)
    ] == [True, True]
    assert not any("filesort" in plan for plan in plans), plans
