"""Archives: the same selection of the same versions is one archive, until it expires; layouts are kept while in use."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.jobs.bench import Bench
from support.jobs.manifests import published

from datacenter.database.engine import now
from datacenter.datasets import labelling, layouts
from datacenter.datasets.archives import downloads, exports
from datacenter.datasets.archives.downloads import DownloadRequest
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.labelling import FileSelection
from datacenter.datasets.layouts import LayoutCache
from datacenter.datasets.models import Archive, ArchiveState, Dataset, Delivery
from datacenter.errors import Gone, Invalid, NotFound
from datacenter.ledger.models import JobDependency
from datacenter.ledger.options import JobOptions


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture
def pets(bench: Bench) -> Dataset:
    return published(bench, {"a": ["cat"], "b": ["dog"]})


def request(*datasets: Dataset, **fields: object) -> ExportRequest:
    return ExportRequest(datasets=tuple((dataset.id, None) for dataset in datasets), **fields)  # type: ignore[arg-type]  # checked by the tests


def archive_of(bench: Bench, wanted: ExportRequest) -> str:
    return bench.export(wanted)[1].id


def state(bench: Bench, archive_id: str) -> ArchiveState:
    with bench.database.reading() as session:
        return ArchiveState(session.get_one(Archive, archive_id).state)


def test_the_same_selection_is_one_archive_however_it_is_written(bench: Bench, pets: Dataset) -> None:
    more = published(bench, {"c": ["cat"]})
    one = archive_of(bench, request(pets, more, labels=LabelFilter(any=("cat", "dog", "cat"))))

    assert archive_of(bench, request(more, pets, labels=LabelFilter(any=("dog", "cat")))) == one


@pytest.mark.parametrize(
    "change",
    [
        {"labels": LabelFilter(none=("cat",))},
        {"archive": "tar"},
        {"label_format": "csv"},
        {"compression": "deflate"},
    ],
)
def test_another_selection_is_another_archive(bench: Bench, pets: Dataset, change: dict[str, object]) -> None:
    assert archive_of(bench, request(pets, **change)) != archive_of(bench, request(pets))


def test_another_version_is_another_archive(bench: Bench, pets: Dataset) -> None:
    before = archive_of(bench, request(pets))
    labelling.relabel(
        bench.resources,
        bench.project_id,
        pets.id,
        select=FileSelection(prefix="a"),
        add=("new",),
        remove=(),
        also=lambda *_: None,
    )

    assert archive_of(bench, request(pets)) != before
    assert archive_of(bench, ExportRequest(datasets=((pets.id, 1),))) == before


def test_who_wants_what_is_being_built_waits_for_it_and_builds_nothing(bench: Bench, pets: Dataset) -> None:
    _, archive, first = bench.export(request(pets))
    download, second = bench.download(pets.id, Delivery.ARCHIVE)

    assert download.archive_id == archive.id
    with bench.database.reading() as session:
        waits = session.get_one(JobDependency, (second.id, first.id))
        assert not waits.needs_success
    bench.settle()
    assert bench.job(second.id).state == "SUCCESS"
    assert [shard.step for shard in _shards(bench, second.id)] == ["plan", "finish"]


def _shards(bench: Bench, job_id: str) -> list[object]:
    from sqlalchemy import select

    from datacenter.ledger.models import Shard

    with bench.database.reading() as session:
        return list(session.scalars(select(Shard).where(Shard.job_id == job_id).order_by(Shard.id)))


def test_a_job_that_may_not_begin_yet_keeps_nobody_waiting(bench: Bench, pets: Dataset) -> None:
    wanted = request(pets, labels=LabelFilter(any=("dog",)))
    with bench.database.transaction() as session:
        later = JobOptions(not_before=now(session) + timedelta(days=30), priority=-100)
        _, _, first = exports.create(session, bench.resources, bench.project_id, wanted, later)
    _, archive, second = bench.export(wanted)

    bench.work()

    assert bench.job(second.id).state == "SUCCESS"
    assert bench.job(first.id).state in ("PENDING", "RECEIVED")
    bench.settle()
    assert bench.job(first.id).state == "SUCCESS"
    assert state(bench, archive.id) == ArchiveState.READY
    assert sum("/archive-" in key for key in bench.objects(archive.prefix)) == 1


def test_whoever_waits_builds_it_when_the_first_was_cancelled(bench: Bench, pets: Dataset) -> None:
    _, archive, first = bench.export(request(pets))
    _, _, second = bench.export(request(pets))
    bench.step(bench.engine())

    bench.cancel(first.id)
    bench.settle()

    assert bench.job(first.id).state == "REVOKED"
    assert bench.job(second.id).state == "SUCCESS"
    assert state(bench, archive.id) == ArchiveState.READY


def test_an_archive_that_expired_is_built_anew_elsewhere(bench: Bench, pets: Dataset) -> None:
    old = archive_of(bench, request(pets))
    bench.settle()
    bench.expire_archives()
    assert state(bench, old) == ArchiveState.EXPIRED
    assert bench.objects(f"archives/{old}/") == []

    new = archive_of(bench, request(pets))
    bench.settle()

    assert new != old
    assert state(bench, new) == ArchiveState.READY


def test_an_archive_that_a_job_is_about_does_not_expire(bench: Bench, pets: Dataset) -> None:
    archive_id = archive_of(bench, request(pets))
    bench.expire_archives()
    assert state(bench, archive_id) == ArchiveState.PLANNED

    bench.settle()
    bench.expire_archives()

    assert state(bench, archive_id) == ArchiveState.EXPIRED


def test_a_failed_export_is_retried_in_another_place(bench: Bench, pets: Dataset) -> None:
    export, archive, job = bench.export(request(pets))
    bench.cancel(job.id)
    bench.settle()
    assert state(bench, archive.id) == ArchiveState.EXPIRED

    bench.retry(job.id)
    bench.settle()
    bench.sweep()

    with bench.database.reading() as session:
        _, again = exports.find_living(session, bench.project_id, export.id)
    assert (again.id != archive.id, again.state) == (True, ArchiveState.READY)
    assert again.key in bench.objects()


def test_what_cannot_be_exported_is_refused(bench: Bench, pets: Dataset) -> None:
    for wanted in (
        request(),
        request(pets, pets),
        request(pets, archive="rar"),
        request(pets, label_format="yolo"),
        request(pets, compression="brotli"),
        request(pets, compression="deflate", archive="tar"),
        request(pets, storage="elsewhere"),
    ):
        with pytest.raises(Invalid) as caught:
            bench.export(wanted)
        assert caught.value.field
    with pytest.raises(NotFound):
        bench.export(ExportRequest(datasets=((pets.id, 7),)))


def test_a_preview_counts_what_the_archive_will_hold(bench: Bench, pets: Dataset) -> None:
    found = exports.preview(
        bench.resources, bench.project_id, request(pets, labels=LabelFilter(any=("cat",)))
    )

    assert (found.files, found.size_bytes, found.labels) == (1, 1, {"cat": 1})


def test_a_link_lives_as_long_as_was_asked_for_and_no_longer_than_allowed(
    bench: Bench, pets: Dataset
) -> None:
    for wrong in (timedelta(0), timedelta(seconds=-1), timedelta(days=365)):
        with pytest.raises(Invalid):
            bench.download(pets.id, Delivery.STREAM, expires_in=wrong)

    download, _ = bench.download(pets.id, Delivery.STREAM, expires_in=timedelta(hours=1))

    assert download.expires_at - download.created_at == timedelta(hours=1)


def test_a_download_is_gone_before_it_is_ready_and_after_it_expired(bench: Bench, pets: Dataset) -> None:
    download, _ = bench.download(pets.id, Delivery.ARCHIVE)
    with pytest.raises(Gone):
        bench.read_download(download.id)
    bench.settle()
    assert bench.read_download(download.id)

    with bench.database.transaction() as session:
        session.execute(update(Archive).values(expires_at=now(session)))

    with pytest.raises(Gone):
        bench.read_download(download.id)


def test_a_stream_is_gone_with_its_dataset_and_an_archive_is_not(bench: Bench, pets: Dataset) -> None:
    other = published(bench, {"x": []})
    stream, _ = bench.download(pets.id, Delivery.STREAM)
    archive, _ = bench.download(other.id, Delivery.ARCHIVE)
    bench.settle()

    for dataset in (pets, other):
        bench.delete(dataset.id)
    bench.settle()

    with pytest.raises(Gone):
        bench.read_download(stream.id)
    assert bench.read_download(archive.id)


def test_a_compressed_export_cannot_be_streamed(bench: Bench, pets: Dataset) -> None:
    export, _, _ = bench.export(request(pets, compression="deflate"))

    with pytest.raises(Invalid), bench.database.transaction() as session:
        downloads.create_for_export(
            session,
            bench.resources,
            bench.project_id,
            export.id,
            DownloadRequest(delivery=Delivery.STREAM),
            JobOptions(),
        )


def test_a_layout_is_loaded_once_while_it_is_in_use(
    bench: Bench, pets: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [bench.export(request(published(bench, {str(n): [] for n in range(10)})))[1] for _ in range(3)]
    bench.settle()
    storage = bench.resources.storages.open("default")
    loads: list[str] = []
    load = layouts.load_layout
    monkeypatch.setattr(
        layouts, "load_layout", lambda where, archive: (loads.append(archive.id), load(where, archive))[1]
    )
    cache = LayoutCache(max_files=26)

    for archive in (made[0], made[1], made[0], made[2], made[0], made[1]):
        assert cache.get(storage, archive).files == 12

    one, two, three = (archive.id for archive in made)
    assert loads == [one, two, three, two], "what was used last is kept"
    assert LayoutCache(max_files=1).get(storage, made[0]).files == 12, "one layout is always kept"
