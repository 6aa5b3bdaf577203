"""Deletion: the record goes at once, the name is free, and until the files are removed all of it can be undone."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from support.jobs.bench import Bench
from support.jobs.manifests import published
from support.jobs.scenarios import FILES, LABELS, zip_of
from support.jobs.workbench import Workbench

from datacenter.datasets import deletion, records, retrying
from datacenter.datasets.models import Dataset, DatasetState, DeletedDataset
from datacenter.datasets.records import find_version, labels_of
from datacenter.errors import Conflict, NameTaken, NotFound
from datacenter.ledger import leases
from datacenter.ledger.leases import Claim
from datacenter.ledger.ledger import request_cancel
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind

GRACE = timedelta(hours=1)


def restore(bench: Workbench, dataset_id: str) -> Dataset:
    with bench.database.transaction() as session:
        return deletion.restore(session, bench.project_id, dataset_id)


def cancel(bench: Workbench, job: Job) -> None:
    with bench.database.transaction() as session:
        request_cancel(session, bench.project_id, job.id)


def retry(bench: Workbench, job: Job) -> None:
    with bench.database.transaction() as session:
        retrying.retry(session, bench.resources, bench.project_id, job.id)


def test_the_record_is_gone_and_the_name_is_free_in_the_request(bench: Workbench) -> None:
    dataset = published(bench, {"a": ["cat"]}, "pets")

    bench.delete(dataset.id)

    with pytest.raises(NotFound):
        bench.dataset(dataset.id)
    with pytest.raises(NotFound):
        bench.delete(dataset.id)
    again = published(bench, {"b": []}, "pets")
    bench.work()
    assert bench.objects(dataset.prefix) == []
    assert len(bench.objects(again.prefix)) == 2


def test_during_the_grace_period_it_comes_back_as_it_was(bench: Workbench) -> None:
    dataset = published(bench, {"a": ["cat"], "b": []})
    job = bench.delete(dataset.id, GRACE)
    bench.work()
    with bench.database.reading() as session:
        shown = records.list_datasets(session, bench.project_id, state=DatasetState.DELETING, limit=9)
    assert [(each.id, each.state) for each in shown] == [(dataset.id, "DELETING")]

    restored = restore(bench, dataset.id)

    columns = Dataset.__table__.columns.keys()
    assert {name: getattr(restored, name) for name in columns} == {
        name: getattr(dataset, name) for name in columns
    }
    assert bench.job(job.id).state == "REVOKED"
    bench.work()
    assert len(bench.objects(dataset.prefix)) == 3
    with bench.database.reading() as session:
        assert labels_of(session, [dataset.id])[dataset.id] == {"cat": 1}
        assert find_version(session, bench.project_id, dataset.id)[1].files == 2


def test_a_dataset_that_came_back_can_be_deleted_again(bench: Workbench) -> None:
    dataset = published(bench, {"a": []})
    bench.delete(dataset.id, GRACE)
    restore(bench, dataset.id)

    bench.delete(dataset.id)
    bench.work()

    assert bench.objects(dataset.prefix) == []


def test_the_job_that_was_to_delete_a_restored_dataset_can_never_run(bench: Workbench) -> None:
    dataset = published(bench, {"a": []})
    job = bench.delete(dataset.id, GRACE)
    restore(bench, dataset.id)

    with pytest.raises(Conflict):
        retry(bench, job)
    again = bench.delete(dataset.id, GRACE)
    with pytest.raises(Conflict):
        retry(bench, job)

    assert bench.job(job.id).state == "REVOKED"
    restore(bench, dataset.id)
    bench.work()
    assert len(bench.objects(dataset.prefix)) == 2
    assert bench.job(again.id).state == "REVOKED"


def test_a_name_that_was_taken_meanwhile_must_be_freed_first(bench: Workbench) -> None:
    dataset = published(bench, {"a": []}, "contested")
    job = bench.delete(dataset.id, GRACE)
    rival = published(bench, {}, "contested")

    with pytest.raises(NameTaken):
        restore(bench, dataset.id)

    assert bench.job(job.id).state == "PENDING", "the delete continues unchanged"
    with bench.database.transaction() as session:
        records.update(session, bench.project_id, rival.id, name="rival")
    assert restore(bench, dataset.id).name == "contested"


def test_once_files_are_being_removed_it_is_too_late(bench: Workbench) -> None:
    dataset = published(bench, {"a": []})
    bench.delete(dataset.id)
    with pytest.raises(NotFound):
        restore(bench, "nowhere")

    bench.work()

    with pytest.raises(NotFound):
        restore(bench, dataset.id)


def test_a_delete_that_was_cancelled_in_time_can_be_taken_back(bench: Workbench) -> None:
    early, late = published(bench, {"a": []}), published(bench, {"a": []})
    jobs = [bench.delete(dataset.id, GRACE) for dataset in (early, late)]
    cancel(bench, jobs[0])
    restore(bench, early.id)
    cancel(bench, jobs[1])
    bench.work()

    restore(bench, late.id)

    bench.work()
    for dataset in (early, late):
        assert len(bench.objects(dataset.prefix)) == 2
        assert bench.dataset(dataset.id).state == "READY"


def test_another_projects_dataset_is_neither_deleted_nor_restored(bench: Workbench) -> None:
    dataset = published(bench, {"a": []})
    bench.delete(dataset.id, GRACE)

    with pytest.raises(NotFound), bench.database.transaction() as session:
        deletion.restore(session, "other", dataset.id)
    with bench.database.reading() as session:
        assert session.get(DeletedDataset, dataset.id) is not None


def test_deleting_during_an_import_stops_it_and_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    dataset, job = bench.submit_import(zip_of(FILES))
    engine = bench.engine()
    bench.step(engine)
    bench.step(engine)
    assert bench.objects(dataset.prefix)

    deletes = bench.delete(dataset.id)
    bench.settle()

    assert bench.job(job.id).state == "REVOKED"
    assert bench.job(deletes.id).state == "SUCCESS"
    assert bench.objects(dataset.prefix) == []
    with pytest.raises(Conflict):
        bench.retry(job.id)
    bench.close()


@pytest.mark.parametrize("way", ["cancel", "delete"])
def test_an_import_that_is_failing_is_revoked_and_keeps_no_work_however_it_is_stopped(
    tmp_path_factory: pytest.TempPathFactory, way: str
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    dataset, job = bench.submit_import(zip_of(FILES))
    bench.step(bench.engine())
    fails, goes_on = (bench.database.run(_claim) for _ in range(2))
    bench.database.run(lambda session: _fail_for_good(session, bench, fails))
    assert (bench.job(job.id).outcome, bench.job(job.id).checkpoint) == ("FAILURE", True)

    if way == "cancel":
        cancel(bench, job)
    else:
        bench.delete(dataset.id, GRACE)
    stopped = bench.job(job.id)
    assert (stopped.outcome, stopped.error, stopped.checkpoint) == ("REVOKED", None, False)
    bench.database.run(lambda session: leases.drop(session, goes_on))
    bench.settle()

    assert (bench.job(job.id).state, bench.job(job.id).checkpoint) == ("REVOKED", False)
    assert bench.objects(dataset.prefix) == [], "its work is undone"
    bench.close()


def _claim(session: Session) -> Claim:
    held = leases.claim(session, JobKind.IMPORT, "another:1", timedelta(minutes=1))
    assert held is not None
    return held


def _fail_for_good(session: Session, bench: Bench, held: Claim) -> None:
    """A retryable failure at the last attempt."""
    ledger = bench.settings.ledger.model_copy(update={"attempts": 1})
    details = {"code": "STORAGE_UNAVAILABLE", "message": "away"}
    leases.fail(session, held, ledger, **details, retryable=True, publish=lambda _: None)


def test_an_import_that_was_deleted_and_restored_can_be_retried(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    dataset, job = bench.submit_import(zip_of(FILES))
    bench.step(bench.engine())
    bench.delete(dataset.id, GRACE)
    bench.work()
    assert bench.job(job.id).state == "REVOKED"

    assert restore(bench, dataset.id).state == DatasetState.FAILED
    bench.retry(job.id)
    bench.settle()

    assert bench.dataset(dataset.id).state == "READY"
    with bench.database.reading() as session:
        assert labels_of(session, [dataset.id])[dataset.id] == LABELS
    bench.close()
