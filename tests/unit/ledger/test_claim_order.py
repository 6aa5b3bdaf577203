"""Claims: the projects in turn, then by priority within a project, then age; found by steps down indexes."""

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from support.jobs.ledger_desk import LedgerDesk

from datacenter.ledger.leases import Claim
from datacenter.ledger.states import ShardState, Step

PROJECTS = ("project-a", "project-b", "project-c")


def drained(desk: LedgerDesk) -> list[Claim]:
    claims = []
    while (held := desk.claim_any()) is not None:
        claims.append(held)
    return claims


def test_higher_priority_is_served_first_and_age_decides_among_equals(desk: LedgerDesk) -> None:
    ids = {
        name: desk.enqueue(priority=priority) for name, priority in (("a", 0), ("b", 5), ("c", -5), ("d", 5))
    }

    order = [held.job_id for held in drained(desk)]

    assert order == [ids["b"], ids["d"], ids["a"], ids["c"]]


def test_a_queue_hears_only_its_own_shards(desk: LedgerDesk) -> None:
    desk.enqueue()

    assert desk.claim_any("import") is None
    assert desk.claim_any("export") is not None


def test_a_project_with_one_job_does_not_wait_for_one_with_a_thousand_shards(desk: LedgerDesk) -> None:
    desk.enqueue(project="project-a")
    desk.planned(desk.claim(), 1000)
    first = [desk.claim() for _ in range(5)]

    late = desk.enqueue(project="project-b")

    assert {held.project_id for held in first} == {"project-a"}
    assert late in [desk.claim().job_id for _ in range(2)]


def test_shards_that_come_back_from_a_pause_do_not_hold_other_projects_up(desk: LedgerDesk) -> None:
    _, held = desk.started(30, project="project-a")
    for each in held:
        desk.fail(each, retryable=True)
    desk.pass_time()

    late = desk.enqueue(project="project-b")

    assert late in [desk.claim().job_id for _ in range(2)]


def test_the_finish_of_a_job_goes_before_the_shards_of_others(desk: LedgerDesk) -> None:
    job_id, (held,) = desk.started(1)
    desk.enqueue()
    desk.planned(desk.claim(), 20)

    desk.done(held)

    finish = desk.claim()
    assert (finish.job_id, finish.step) == (job_id, Step.FINISH)


ARRIVALS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(PROJECTS), st.integers(1, 6)),
        st.tuples(st.just("claim"), st.integers(1, 6)),
    ),
    max_size=14,
)


@settings(max_examples=10)
@given(ARRIVALS)
def test_no_project_waits_longer_than_a_round(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[tuple[str, int]]
) -> None:
    """While a project has something ready, every other project is served twice at most before it."""
    desk = LedgerDesk(tmp_path_factory.mktemp("ledger"))
    ready: Counter[str] = Counter()
    waited: dict[str, Counter[str]] = {}

    def claim() -> None:
        held = desk.claim()
        waited.pop(held.project_id, None)
        ready[held.project_id] -= 1
        for project in PROJECTS:
            if ready[project]:
                others = waited.setdefault(project, Counter())
                others[held.project_id] += 1
                assert others[held.project_id] <= 2, f"{project} waits for {held.project_id}"

    for what, times in [*arrivals, ("claim", 1000)]:
        for _ in range(times):
            if what != "claim":
                desk.enqueue(project=what)
                ready[what] += 1
            elif ready.total():
                claim()
    assert desk.claim_any() is None
    desk.database.close()


def test_eight_workers_at_once_claim_every_shard_exactly_once(desk: LedgerDesk) -> None:
    desk.enqueue()
    desk.planned(desk.claim(), 80)
    claims: list[Claim] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        while (held := desk.claim_any(owner=f"worker:{number}")) is not None:
            claims.append(held)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claims) == len({held.shard_id for held in claims}) == 80
    assert {held.token for held in claims} == {1}


@pytest.mark.parametrize(
    ("number", "index"),
    [
        (-2, "USING INDEX shards_by_turn (queue=? AND state=?)"),
        (-1, "USING INDEX shards_by_owner (queue=? AND state=? AND project_id=?)"),
    ],
)
def test_a_claim_is_two_steps_down_indexes(desk: LedgerDesk, number: int, index: str) -> None:
    statements: list[tuple[str, object]] = []

    @event.listens_for(desk.database.engine, "before_cursor_execute")
    def listen(_c: object, _u: object, statement: str, values: object, *_: object) -> None:
        statements.append((statement, values))

    job_id = desk.enqueue()
    desk.claim()
    found = [
        each
        for each in statements
        if "shards" in each[0] and "ORDER BY" in each[0] and each[0].startswith("SELECT")
    ]
    assert found, "the claim selects from the shards in order"
    statement, values = found[number]
    with desk.database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()  # type: ignore[arg-type]  # the driver's own values
    steps = [row[-1] for row in plan]
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
    assert desk.shards(job_id, ShardState.LEASED)
