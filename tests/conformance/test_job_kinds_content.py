"""The input and output of jobs: labels in every form, names in every script, archives that open elsewhere."""

import csv
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.archives.raw_zip import RawEntry, RawZip
from support.jobs.bench import Bench
from support.jobs.scenarios import FILES, LABELS, tar_of, zip_of

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.files import FileEntry, list_files, read_file
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.models import Archive, ArchiveState, Dataset, Delivery
from datacenter.datasets.records import find_version, labels_of
from datacenter.ledger.models import Job
from storage_adapters.errors import ObjectChanged


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


def entries(bench: Bench, dataset: Dataset) -> list[FileEntry]:
    with bench.database.reading() as session:
        found = find_version(session, bench.project_id, dataset.id)
    listed = list_files(bench.resources, *found, limit=10_000).entries
    return [replace(entry, key="", offset=0) for entry in listed]


def labels(bench: Bench, dataset: Dataset) -> dict[str, list[str]]:
    return {entry.path: entry.labels for entry in entries(bench, dataset)}


def contents(bench: Bench, dataset: Dataset) -> dict[str, bytes]:
    with bench.database.reading() as session:
        found = find_version(session, bench.project_id, dataset.id)
    return {
        entry.path: b"".join(read_file(bench.resources, found[0], entry, 0, entry.size_bytes))
        for entry in list_files(bench.resources, *found, limit=10_000).entries
    }


def failed(bench: Bench, archive: bytes, filename: str = "data.zip", **fields: Any) -> Job:
    """The job of an import that must fail."""
    dataset, job = bench.submit_import(archive, filename=filename, **fields)
    bench.settle()
    ended = bench.job(job.id)
    assert ended.state == "FAILURE"
    assert bench.dataset(dataset.id).state == "FAILED"
    assert bench.objects(dataset.prefix) == []
    return ended


def exported(bench: Bench, *datasets: Dataset, **fields: Any) -> tuple[Job, bytes]:
    """A finished export's job and bytes."""
    request = ExportRequest(datasets=tuple((dataset.id, None) for dataset in datasets), **fields)
    _, archive, job = bench.export(request)
    bench.settle()
    ended = bench.job(job.id)
    assert ended.state == "SUCCESS", ended.error
    with bench.database.reading() as session:
        built = session.get_one(Archive, archive.id)
    return ended, (bench.root / built.key).read_bytes()


def members(archive: bytes) -> dict[str, bytes]:
    """Files of a zip or tar as Python's own modules read them."""
    if archive[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            assert opened.testzip() is None
            return {name: opened.read(name) for name in opened.namelist()}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {each.name: opened.extractfile(each).read() for each in opened}  # type: ignore[union-attr]  # every member is a file


ARCHIVES = {
    "zip": (zip_of, "data.zip"),
    "tar": (lambda files: tar_of(files, "w"), "data.tar"),
    "tar.gz": (tar_of, "data.tar.gz"),
}
PICTURES = {"a.png": b"one", "b.png": b"two", "深/c.png": b"three"}
LABEL_FILES = {
    "labels.csv": "path,labels\na.png,cat|dog\n深/c.png,猫\n".encode(),
    "labels.jsonl": b"".join(
        orjson.dumps(row) + b"\n"
        for row in ({"path": "a.png", "labels": ["cat", "dog"]}, {"path": "深/c.png", "labels": ["猫"]})
    ),
}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("label_file", LABEL_FILES)
def test_a_label_file_in_the_archive_labels_its_files(bench: Bench, kind: str, label_file: str) -> None:
    build, filename = ARCHIVES[kind]

    dataset = bench.imported(build(PICTURES | {label_file: LABEL_FILES[label_file]}), filename=filename)

    assert labels(bench, dataset) == {"a.png": ["cat", "dog"], "b.png": [], "深/c.png": ["猫"]}
    assert contents(bench, dataset) == PICTURES, "the label file is no file of the dataset"
    with bench.database.reading() as session:
        assert labels_of(session, [dataset.id])[dataset.id] == {"cat": 1, "dog": 1, "猫": 1}
    bench.sweep()
    assert len(bench.objects(f"{dataset.prefix}objects/")) == len(PICTURES)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_folders_label_their_files_when_there_is_no_label_file(bench: Bench, kind: str) -> None:
    build, filename = ARCHIVES[kind]

    dataset = bench.imported(build(FILES), filename=filename)

    assert contents(bench, dataset) == FILES
    with bench.database.reading() as session:
        assert labels_of(session, [dataset.id])[dataset.id] == LABELS


@pytest.mark.parametrize("kind", ARCHIVES)
def test_labels_of_files_that_are_not_there_are_a_warning(bench: Bench, kind: str) -> None:
    build, filename = ARCHIVES[kind]
    lists = {"labels.csv": b"path,labels\na.png,cat\nnowhere.png,dog\n"}

    dataset, job = bench.submit_import(build(PICTURES | lists), filename=filename)
    bench.settle()

    result = bench.job(job.id).result
    assert result is not None
    assert result["label_file"] == "labels.csv"
    assert any("nowhere.png" in warning for warning in result["warnings"])
    assert labels(bench, dataset)["a.png"] == ["cat"]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_label_file_that_points_outside_fails_the_import(bench: Bench, kind: str) -> None:
    build, filename = ARCHIVES[kind]
    lists = {"labels.csv": b"path,labels\n../../etc/passwd,cat\n"}

    job = failed(bench, build(PICTURES | lists), filename)

    assert job.error is not None
    assert job.error["code"] == "UNSAFE_REFERENCE"
    assert "etc/passwd" in job.error["entry"]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_folders_can_be_asked_for_even_with_a_label_file(bench: Bench, kind: str) -> None:
    build, filename = ARCHIVES[kind]
    files = {"cat/a.png": b"one", "labels.csv": b"path,labels\ncat/a.png,dog\n"}

    dataset = bench.imported(build(files), filename=filename, label_format="folders")

    assert labels(bench, dataset)["cat/a.png"] == ["cat"]


def test_a_label_file_that_was_asked_for_and_is_not_there_fails_the_import(bench: Bench) -> None:
    job = failed(bench, zip_of(PICTURES), label_format="csv")

    assert job.error is not None
    assert job.error["code"] == "BAD_LABELS"


def test_names_in_gbk_are_read_as_they_were_meant(bench: Bench) -> None:
    names = ("猫/图片.png", "狗/照片.png")
    # Without the UTF-8 flag, as Chinese Windows writes them.
    archive = RawZip(
        entries=[RawEntry(name=name.encode("gbk"), data=name.encode(), flags=0) for name in names]
    )

    dataset = bench.imported(archive.build())

    assert labels(bench, dataset) == {"狗/照片.png": ["狗"], "猫/图片.png": ["猫"]}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_without_a_file_is_a_dataset_without_files(bench: Bench, kind: str) -> None:
    build, filename = ARCHIVES[kind]

    dataset = bench.imported(build({}), filename=filename)

    assert (dataset.state, dataset.files, entries(bench, dataset)) == ("READY", 0, [])
    _, archive = exported(bench, dataset)
    assert set(members(archive)) == {"labels.jsonl", "manifest.jsonl"}


@pytest.mark.parametrize("archive_format", ["zip", "tar"])
@pytest.mark.parametrize("label_format", ["jsonl", "csv"])
def test_an_exports_lists_agree_with_its_files(bench: Bench, archive_format: str, label_format: str) -> None:
    dataset = bench.imported(zip_of(FILES))
    wanted = {path for path in FILES if not path.startswith("dog/")}

    job, data = exported(
        bench,
        dataset,
        labels=LabelFilter(none=("dog",)),
        archive=archive_format,
        label_format=label_format,
    )

    found = members(data)
    lists = {f"labels.{label_format}", "manifest.jsonl"}
    assert set(found) == wanted | lists
    assert {path: found[path] for path in wanted} == {path: FILES[path] for path in wanted}
    assert job.result is not None
    assert (job.result["files"], job.result["size_bytes"]) == (len(wanted), len(data))
    manifest = [orjson.loads(line) for line in found["manifest.jsonl"].splitlines()]
    assert [row["path"] for row in manifest] == sorted(wanted, key=str.encode)
    for row in manifest:
        content = FILES[row["path"]]
        assert row["size_bytes"] == len(content)
        assert int(row["crc32"], 16) if isinstance(row["crc32"], str) else row["crc32"] == zlib.crc32(content)
    assert _labels_in(found, label_format) == {path: [path.split("/")[0]] for path in wanted}


def _labels_in(found: dict[str, bytes], label_format: str) -> dict[str, list[str]]:
    text = found[f"labels.{label_format}"]
    if label_format == "jsonl":
        return {row["path"]: row["labels"] for row in map(orjson.loads, text.splitlines())}
    rows = csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    return {row["path"]: row["labels"].split("|") if row["labels"] else [] for row in rows}


@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("label_format", ["jsonl", "csv"])
def test_an_export_that_is_imported_again_is_the_same_dataset(
    bench: Bench, compression: str, label_format: str
) -> None:
    files = PICTURES | {"labels.csv": b"path,labels,annotation\na.png,cat|dog,\n\xe6\xb7\xb1/c.png,=1+1,\n"}
    dataset = bench.imported(zip_of(files))
    _, data = exported(bench, dataset, compression=compression, label_format=label_format)

    again = bench.imported(data)

    assert entries(bench, again) == entries(bench, dataset)
    assert contents(bench, again) == contents(bench, dataset) == PICTURES


def test_datasets_whose_paths_meet_go_into_folders_of_safe_names(bench: Bench) -> None:
    one = bench.imported(zip_of(PICTURES), "../../etc")
    two = bench.imported(zip_of(PICTURES), "宠物")

    _, data = exported(bench, one, two)

    names = set(members(data)) - {"labels.jsonl", "manifest.jsonl"}
    assert names == {f"{folder}/{path}" for folder in (".._.._etc", "宠物") for path in PICTURES}
    again = bench.imported(data)
    assert again.files == 2 * len(PICTURES)


def stored(bench: Bench, dataset: Dataset, path: str) -> Path:
    """The path of a dataset's file on the disk."""
    storage = bench.resources.storages.open("default")
    with bench.database.reading() as session:
        version = find_version(session, bench.project_id, dataset.id)[1]
    rows = [
        row for part in read_rows(storage, version.manifest_key, ["path", "key"]) for row in part.to_pylist()
    ]
    return bench.root / next(row["key"] for row in rows if row["path"] == path)


@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("path", ["cat/001.bin", "cat/large.bin"], ids=["in one part", "in several parts"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_stored_file_that_is_not_what_was_imported_fails_the_export(
    bench: Bench, path: str, how: str, compression: str
) -> None:
    dataset = bench.imported(zip_of(FILES))
    whole, place = FILES[path], stored(bench, dataset, path)
    match how:
        case "changed":
            place.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "cut":
            place.write_bytes(whole[:-1])
        case "gone":
            place.unlink()

    request = ExportRequest(datasets=((dataset.id, None),), compression=compression)
    _, archive, job = bench.export(request)
    bench.settle()

    ended = bench.job(job.id)
    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert ended.error["code"] == ("OBJECT_MISSING" if how == "gone" else "OBJECT_CHANGED")
    with bench.database.reading() as session:
        assert session.get_one(Archive, archive.id).state == ArchiveState.EXPIRED
    bench.sweep()
    assert bench.objects(archive.prefix) == []

    place.write_bytes(whole)
    bench.retry(job.id)
    bench.settle()
    assert bench.job(job.id).state == "SUCCESS"


def test_a_stream_of_a_changed_file_breaks_off_instead_of_lying(bench: Bench) -> None:
    dataset = bench.imported(zip_of(FILES))
    download, _ = bench.download(dataset.id, Delivery.STREAM)
    bench.settle()
    whole = bench.read_download(download.id)
    assert members(whole)["cat/001.bin"] == FILES["cat/001.bin"]
    stored(bench, dataset, "cat/001.bin").write_bytes(FILES["cat/001.bin"][::-1])

    with pytest.raises(ObjectChanged):
        bench.read_download(download.id)
