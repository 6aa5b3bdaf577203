"""The sweep: leftovers of crashes and expiry are removed, living data is not, and it can run any number of times."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from support.jobs.bench import Bench
from support.jobs.faults import Schedule, faulty_storages
from support.jobs.manifests import published
from support.jobs.scenarios import FILES, zip_of
from support.jobs.workbench import SilentDoorbell

from datacenter.database.engine import Base, now
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.models import Archive, ArchiveState, Delivery, Download, Export, Litter, Upload
from datacenter.datasets.uploads.tus import append, begin
from datacenter.ledger import leases
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.ledger.models import Job
from datacenter.settings.model import LifetimeSettings
from jobs.scheduler import sweep, turns
from jobs.scheduler.sweep import purge_expired_rows, remove_litter, sweep_once
from storage_adapters.errors import PermissionDenied
from storage_adapters.object_storage.contract import NewObject


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


def litter(bench: Bench, storage: str = "default", prefix: str = "old/") -> None:
    with bench.database.transaction() as session:
        session.add(Litter(storage=storage, prefix=prefix, due_at=now(session)))


def put(bench: Bench, *keys: str) -> None:
    storage = bench.resources.storages.open("default")
    assert all(not each.error for each in storage.put_many(NewObject(key=key, data=b"x") for key in keys))


def count(bench: Bench, table: type[Base]) -> int:
    with bench.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def age_uploads(bench: Bench) -> None:
    with bench.database.transaction() as session:
        session.execute(update(Upload).values(expires_at=now(session) - timedelta(seconds=1)))


def test_litter_goes_with_everything_under_it_and_nothing_else(bench: Bench) -> None:
    put(bench, "old/a", "old/deep/b", "older/c")
    storage = bench.resources.storages.open("default")
    storage.begin_upload("old/half")
    litter(bench)

    bench.sweep()
    bench.sweep()

    assert bench.objects() == ["older/c"]
    assert bench.disk() == {"older/c"}
    assert count(bench, Litter) == 0


def test_litter_that_would_not_go_stays_on_the_list_and_stops_nothing(bench: Bench) -> None:
    put(bench, "old/a", "other/b")
    litter(bench, prefix="old/")
    litter(bench, storage="taken down", prefix="x/")
    litter(bench, prefix="other/")
    resources = faulty_storages(bench.resources, Schedule())
    resources.storages.refused.add("old/a")  # type: ignore[attr-defined]  # a faulty one has it

    remove_litter(resources)

    assert bench.objects() == ["old/a"]
    assert count(bench, Litter) == 2
    with bench.database.transaction() as session:
        session.execute(update(Litter).values(due_at=now(session)))
    bench.sweep()
    assert bench.objects() == []
    assert count(bench, Litter) == 1


def test_a_storage_that_is_away_keeps_its_litter_for_later(bench: Bench) -> None:
    put(bench, "old/a")
    litter(bench)

    remove_litter(faulty_storages(bench.resources, Schedule(at=1, forever=True, fault=PermissionDenied)))

    assert count(bench, Litter) == 1


def test_an_upload_that_nobody_finished_is_removed_with_its_bytes(bench: Bench) -> None:
    with bench.database.transaction() as session:
        half = begin(session, bench.resources, project_id=bench.project_id, filename="a", size_bytes=10)
    append(bench.resources, bench.project_id, half.id, offset_bytes=0, data=b"half")
    bench.upload(b"whole")
    bench.sweep()
    assert count(bench, Upload) == 2

    age_uploads(bench)
    bench.sweep()

    assert count(bench, Upload) == 0
    assert bench.disk() == set()


def test_an_upload_that_an_import_reads_or_may_go_on_with_is_not_removed(bench: Bench) -> None:
    _, job = bench.submit_import(zip_of(FILES))
    age_uploads(bench)
    bench.sweep()
    assert count(bench, Upload) == 1

    schedule = Schedule(at=12, forever=True)
    bench.settle(bench.engine_on(faulty_storages(bench.resources, schedule)))
    assert bench.job(job.id).checkpoint
    bench.sweep()
    assert count(bench, Upload) == 1

    bench.retry(job.id)
    bench.settle()
    assert bench.job(job.id).state == "SUCCESS"


def test_uploads_that_waiting_imports_hold_do_not_hide_the_ones_behind_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    for _ in range(3):
        bench.submit_import(zip_of(FILES))
    with bench.database.transaction() as session:
        session.execute(update(Upload).values(expires_at=now(session) - timedelta(days=1)))
    forgotten = bench.upload(b"whole")
    with bench.database.transaction() as session:
        last = now(session) - timedelta(seconds=1)
        session.execute(update(Upload).where(Upload.id == forgotten).values(expires_at=last))

    bench.sweep()

    with bench.database.reading() as session:
        assert session.get(Upload, forgotten) is None
    assert count(bench, Upload) == 3


def test_archives_that_waiting_jobs_want_do_not_hide_the_ones_behind_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    dataset = published(bench, {"a": []})
    of_it = ((dataset.id, None),)
    _, forgotten, _ = bench.export(ExportRequest(datasets=of_it))
    bench.settle()
    bench.download(dataset.id, Delivery.ARCHIVE, archive="tar")
    for archive in ("zip", "tar"):
        bench.export(ExportRequest(datasets=of_it, archive=archive, label_format="csv"))
    with bench.database.transaction() as session:
        session.execute(update(Archive).values(expires_at=now(session) - timedelta(days=1)))
        last = now(session) - timedelta(seconds=1)
        session.execute(update(Archive).where(Archive.id == forgotten.id).values(expires_at=last))

    bench.sweep()

    with bench.database.reading() as session:
        expired = session.scalars(select(Archive.id).where(Archive.state == ArchiveState.EXPIRED)).all()
    assert (list(expired), count(bench, Archive)) == ([forgotten.id], 4)


def test_an_upload_of_a_failed_import_is_removed_when_its_time_is_over(bench: Bench) -> None:
    dataset, job = bench.submit_import(b"PK this is no archive")
    bench.settle()
    assert bench.job(job.id).state == "FAILURE"
    assert bench.disk(), "until then it can be imported again"

    age_uploads(bench)
    bench.sweep()

    assert bench.disk() == set()
    assert bench.dataset(dataset.id).state == "FAILED"


def test_an_import_that_loses_every_worker_fails_with_its_work_kept_and_a_retry_goes_on(bench: Bench) -> None:
    dataset, job = bench.submit_import(zip_of(FILES))
    while not bench.job(job.id).files_done:
        bench.step(bench.engine())
    done = bench.job(job.id).files_done

    for _ in range(bench.settings.ledger.attempts):
        bench.pass_time()
        with bench.database.transaction() as session:
            held = leases.claim(session, "import", "gone:1", timedelta(seconds=-1))
        assert held is not None
        bench.sweep()

    ended = bench.job(job.id)
    assert (ended.state, ended.checkpoint, ended.files_done) == ("FAILURE", True, done)
    assert ended.error is not None
    assert ended.error["code"] == "WORKER_LOST"
    assert bench.dataset(dataset.id).state == "FAILED"
    bench.retry(job.id)
    bench.settle()
    assert bench.job(job.id).state == "SUCCESS"
    assert bench.dataset(dataset.id).files == len(FILES)


def test_rows_that_nobody_needs_any_more_are_forgotten(bench: Bench) -> None:
    dataset = published(bench, {"a": []})
    bench.export(ExportRequest(datasets=((dataset.id, None),)))
    bench.download(dataset.id, Delivery.STREAM)
    bench.settle()
    bench.expire_archives()
    assert [count(bench, table) for table in (Archive, Export, Download, Job)] == [1, 1, 1, 2]
    with bench.database.transaction() as session:
        long_ago = now(session) - timedelta(days=365)
        session.execute(update(Archive).values(expires_at=long_ago))
        session.execute(update(Download).values(expires_at=long_ago))
        session.execute(update(Job).values(finished_at=long_ago))

    for _ in range(2):
        bench.database.run(lambda session: purge_expired_rows(session, LifetimeSettings()))

    assert [count(bench, table) for table in (Archive, Export, Download, Job)] == [0, 0, 0, 0]


def test_rows_that_are_still_of_use_are_not(bench: Bench) -> None:
    dataset = published(bench, {"a": []})
    export, _, job = bench.export(ExportRequest(datasets=((dataset.id, None),)))
    bench.settle()

    bench.sweep()

    assert bench.job(job.id).state == "SUCCESS"
    assert [count(bench, table) for table in (Archive, Export)] == [1, 1]
    assert export.id


def test_it_rings_for_work_that_nobody_has_heard_of(bench: Bench) -> None:
    bench.submit_import(zip_of(FILES))
    bench.doorbell.rings.clear()

    bench.sweep()

    assert bench.doorbell.rings == [("import", "")]


def test_a_broker_that_is_down_stops_no_sweep(bench: Bench) -> None:
    class Dead(SilentDoorbell):
        def ring(self, queue: str, job_id: str) -> None:
            raise BrokerUnavailable("down")

    bench.submit_import(zip_of(FILES))
    upload_id = bench.upload(b"never imported")
    with bench.database.transaction() as session:
        session.execute(update(Upload).where(Upload.id == upload_id).values(expires_at=now(session)))

    sweep_once(replace(bench.resources, doorbell=Dead()))

    with bench.database.reading() as session:
        assert session.get(Upload, upload_id) is None


def test_a_storage_that_hangs_keeps_no_ring_and_no_lease_waiting(bench: Bench, monkeypatch) -> None:
    hung, stop = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        hung.set()
        stop.wait()

    monkeypatch.setattr(turns, "remove_litter", hang)
    settings = bench.settings.ledger.model_copy(update={"relay_seconds": 0.01, "sweep_seconds": 0.01})
    resources = replace(bench.resources, settings=bench.settings.model_copy(update={"ledger": settings}))
    running = threading.Thread(target=turns.run, args=(resources, stop))
    running.start()
    try:
        assert hung.wait(5)
        _, job = bench.submit_import(zip_of(FILES))
        end = time.monotonic() + 10
        while ("import", job.id) not in bench.doorbell.rings and time.monotonic() < end:
            time.sleep(0.01)
        assert ("import", job.id) in bench.doorbell.rings
    finally:
        stop.set()
        running.join()
