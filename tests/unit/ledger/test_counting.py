"""Counting: what is committed counts once, and what is rolled back does not."""

import pytest

from datacenter.database.engine import Database
from datacenter.ledger.counting import count, count_in
from datacenter.observability.metrics import Metrics
from datacenter.settings.model import DatabaseSettings


@pytest.fixture
def database(tmp_path):
    opened = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/counted.db"))
    yield opened
    opened.close()


@pytest.fixture
def metrics(database) -> Metrics:
    metrics = Metrics()
    count_in(database, metrics)
    return metrics


def submitted(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("datacenter_jobs_submitted_total", {"kind": "import"})


def submit(session) -> None:
    count(session, lambda metrics: metrics.jobs_submitted.labels("import").inc())


def test_what_may_happen_is_told_before_it_happens_first(metrics) -> None:
    assert submitted(metrics) == 0


def test_a_commit_counts_once(database, metrics) -> None:
    with database.transaction() as session:
        submit(session)
        assert submitted(metrics) == 0
    assert submitted(metrics) == 1

    with database.transaction():
        pass
    assert submitted(metrics) == 1


def test_a_transaction_that_is_repeated_counts_once(database, metrics) -> None:
    def fail_first(session) -> None:
        submit(session)
        if submitted(metrics) == 0 and not repeated:
            repeated.append(True)
            raise LookupError

    repeated: list[bool] = []
    with pytest.raises(LookupError):
        database.run(fail_first)
    assert submitted(metrics) == 0

    database.run(fail_first)
    assert submitted(metrics) == 1


def test_a_database_that_nobody_counts_for_counts_nothing(tmp_path, metrics) -> None:
    counted: list[Metrics] = []
    other = Database(DatabaseSettings(url=f"sqlite:///{tmp_path}/other.db"))

    with other.transaction() as session:
        submit(session)
        count(session, counted.append)
    other.close()

    assert counted == []
    assert submitted(metrics) == 0
