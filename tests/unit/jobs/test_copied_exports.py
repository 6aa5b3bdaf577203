"""Exports on a storage with server-side copy: large members never pass through a worker, unless they may have changed."""

import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs.scenarios import zip_of
from support.jobs.workbench import Workbench
from support.storages.copy_traffic import Traffic
from support.storages.memory import MemoryStorage

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.labelling import FileSelection, relabel
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.models import Archive, Dataset
from datacenter.datasets.records import find_version
from datacenter.ledger.models import Job
from datacenter.settings.model import StorageSettings
from datacenter.storages.object_file import ObjectSource
from jobs.building import copying
from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import Part

MINIMUM, PART, COPY_FROM = 5_000, 64_000, 64_000
LARGE_BYTES = 150_000
FILES = {
    "1.txt": b"one",
    "2.bin": random.Random(2).randbytes(LARGE_BYTES),
    "3.bin": random.Random(3).randbytes(COPY_FROM - 1),
    "4.bin": random.Random(4).randbytes(LARGE_BYTES),
}
MAX_READ_OF_ONE = 2 * MINIMUM


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Buckets in memory with a minimum part size, like S3."""
    home = tmp_path_factory.mktemp("bench")
    options = {"minimum_part_bytes": MINIMUM}
    buckets = {
        name: StorageSettings(kind="memory", url=f"memory://{home}/{name}", role="both", options=options)
        for name in ("default", "other")
    }
    bench = Workbench(home, storages=buckets, part_bytes=PART)
    yield bench
    bench.close()


@pytest.fixture
def dataset(bench: Workbench) -> Dataset:
    return bench.imported(zip_of(FILES))


@pytest.fixture
def traffic(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    monkeypatch.setattr(copying, "COPY_FROM_BYTES", COPY_FROM)
    return Traffic(MemoryStorage, monkeypatch)


def exported(bench: Workbench, dataset: Dataset, **fields: str) -> tuple[Archive, Job]:
    _, archive, job = bench.export(ExportRequest(datasets=((dataset.id, None),), **fields))
    bench.work()
    with bench.database.reading() as session:
        return session.get_one(Archive, archive.id), bench.job(job.id)


def content_of(bench: Workbench, archive: Archive) -> dict[str, bytes]:
    data = b"".join(ObjectSource(bench.resources.storages.open(archive.storage), archive.key).stream())
    if archive.request["archive"] == "tar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return {name: tar.extractfile(name).read() for name in FILES}  # type: ignore[union-attr]  # all are files
    with zipfile.ZipFile(io.BytesIO(data)) as reader:
        assert reader.testzip() is None
        return {name: reader.read(name) for name in FILES}


def key_of(bench: Workbench, dataset: Dataset, path: str) -> str:
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    rows = read_rows(bench.resources.storages.open(dataset.storage), version.manifest_key)
    (key,) = (row["key"] for table in rows for row in table.to_pylist() if row["path"] == path)
    return str(key)


def relabelled(bench: Workbench, dataset: Dataset) -> None:
    """A newer version of the dataset, whose manifest names the same objects."""
    one = FileSelection(paths=("1.txt",))
    relabel(
        bench.resources,
        bench.project_id,
        dataset.id,
        select=one,
        add=("new",),
        remove=(),
        also=lambda *_: None,
    )


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_large_members_are_copied_but_for_less_than_a_part_at_either_end(
    bench: Workbench, dataset: Dataset, traffic: Traffic, form: str
) -> None:
    archive, job = exported(bench, dataset, archive=form)

    assert (job.state, job.error) == ("SUCCESS", None)
    assert (job.files_done, job.bytes_done) == (len(FILES), job.bytes_total)
    assert content_of(bench, archive) == FILES
    for path in ("2.bin", "4.bin"):
        key = key_of(bench, dataset, path)
        assert traffic.copied[key] + traffic.read[key] == LARGE_BYTES
        assert traffic.read[key] < MAX_READ_OF_ONE
    assert len(traffic.copied) == 2, "3.bin is too small"


def test_members_of_another_storage_are_read(bench: Workbench, dataset: Dataset, traffic: Traffic) -> None:
    archive, job = exported(bench, dataset, storage="other")

    assert job.state == "SUCCESS"
    assert content_of(bench, archive) == FILES
    assert not traffic.copied


def test_large_members_are_copied_after_labels_were_changed(
    bench: Workbench, dataset: Dataset, traffic: Traffic
) -> None:
    relabelled(bench, dataset)

    archive, job = exported(bench, dataset)

    assert job.state == "SUCCESS"
    assert content_of(bench, archive) == FILES
    assert len(traffic.copied) == 2


def test_what_was_written_again_since_its_import_is_read_and_its_crc_compared(
    bench: Workbench, dataset: Dataset, traffic: Traffic
) -> None:
    key = key_of(bench, dataset, "2.bin")
    bench.keep("default", {key: FILES["2.bin"]})

    archive, job = exported(bench, dataset)

    assert job.state == "SUCCESS"
    assert content_of(bench, archive) == FILES
    assert traffic.read[key] >= LARGE_BYTES


@pytest.mark.parametrize("labels_change", [False, True], ids=["", "and labels after it"])
@pytest.mark.parametrize(
    "change", [lambda data: bytes(reversed(data)), lambda data: data[:-1]], ids=["other bytes", "shorter"]
)
def test_a_large_member_that_changed_never_becomes_an_archive(
    bench: Workbench, dataset: Dataset, traffic: Traffic, change, labels_change: bool
) -> None:
    bench.keep("default", {key_of(bench, dataset, "4.bin"): change(FILES["4.bin"])})
    if labels_change:
        relabelled(bench, dataset)

    archive, job = exported(bench, dataset)

    assert job.error is not None
    assert (job.state, job.error["code"]) == ("FAILURE", "OBJECT_CHANGED")
    storage = bench.resources.storages.open("default")
    assert list(storage.list_uploads(archive.prefix)) == []
    with bench.database.reading() as session:
        assert session.get_one(Archive, archive.id).object_name == ""


def test_a_large_member_replaced_between_its_copies_never_becomes_an_archive(
    bench: Workbench, dataset: Dataset, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, replaced = key_of(bench, dataset, "4.bin"), bytes(reversed(FILES["4.bin"]))
    copy_part, begun = MemoryStorage.copy_part, []

    def replaced_before_the_second(storage, *arguments) -> Part:
        if arguments[-1].key == key:
            begun.append(key)
            if len(begun) == 2:
                bench.keep("default", {key: replaced})
        return copy_part(storage, *arguments)

    monkeypatch.setattr(MemoryStorage, "copy_part", replaced_before_the_second)
    archive, job = exported(bench, dataset)

    assert len(begun) >= 2, "the content is copied in more than one part"
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("FAILURE", "OBJECT_CHANGED")
    with bench.database.reading() as session:
        assert session.get_one(Archive, archive.id).object_name == ""


def test_a_file_of_a_nas_that_was_written_with_its_time_put_back_never_becomes_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "COPY_FROM_BYTES", COPY_FROM)
    traffic = Traffic(NasStorage, monkeypatch)
    bench = Workbench(tmp_path, part_bytes=PART)
    dataset = bench.imported(zip_of(FILES))
    assert exported(bench, dataset)[1].state == "SUCCESS"
    assert len(traffic.copied) == 2
    file = bench.root / key_of(bench, dataset, "4.bin")
    before = file.stat()
    file.write_bytes(bytes(reversed(FILES["4.bin"])))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    _, job = exported(bench, dataset, archive="tar")

    assert job.error is not None
    assert (job.state, job.error["code"]) == ("FAILURE", "OBJECT_CHANGED")
    bench.close()
