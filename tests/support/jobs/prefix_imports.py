"""Imports from a prefix, for their tests: puts objects, imports them, and checks the result."""

import random
from typing import Any

import pyarrow as pa
from support.jobs.workbench import Workbench

from datacenter.archives.crc import crc32
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.models import Dataset
from datacenter.datasets.records import find_version
from datacenter.ledger.models import Job
from datacenter.storages.object_file import ObjectSource

LARGE = random.Random("large").randbytes(1_300_000)
FILES = {
    "cat/1.png": b"one",
    "cat/2.png": b"two",
    "dog/large.bin": LARGE,
    "dog/empty.txt": b"",
    "猫/a b.png": b"three",
}
KEPT_AT = ["inbox", "shared", "bucket"]


def given(bench: Workbench, storage: str, prefix: str, files: dict[str, bytes]) -> dict[str, str]:
    """The files under the prefix of a storage, as the source of an import."""
    bench.keep(storage, {prefix + path: data for path, data in files.items()})
    return {"storage": storage, "prefix": prefix}


def imported(bench: Workbench, source: dict[str, str], **fields: Any) -> tuple[Dataset, Job]:
    dataset, job = bench.submit_source(source, **fields)
    bench.work()
    return bench.dataset(dataset.id), bench.job(job.id)


def rows(bench: Workbench, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The manifest's rows by path, with the stored bytes of each file."""
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    storage = bench.resources.storages.open(dataset.storage)
    found = pa.concat_tables(read_rows(storage, version.manifest_key)).to_pylist()
    for row in found:
        row["data"] = b"".join(ObjectSource(storage, row["key"]).stream())
    return {row["path"]: row for row in found}


def check_holds(bench: Workbench, dataset: Dataset, files: dict[str, bytes]) -> None:
    made = rows(bench, dataset)
    assert {path: row["data"] for path, row in made.items()} == files
    assert list(made) == sorted(files)
    for path, row in made.items():
        assert (row["size_bytes"], row["crc32"]) == (len(files[path]), crc32(files[path])), path


def failed(bench: Workbench, source: dict[str, str], **fields: Any) -> dict[str, Any]:
    """The error of an import that must fail and leave nothing."""
    dataset, job = imported(bench, source, **fields)
    assert (job.state, dataset.state) == ("FAILURE", "FAILED")
    check_nothing_left(bench, dataset)
    assert job.error is not None
    return job.error


def check_nothing_left(bench: Workbench, dataset: Dataset) -> None:
    storage = bench.resources.storages.open(dataset.storage)
    assert list(storage.list_objects(dataset.prefix)) == []
    assert list(storage.list_uploads(dataset.prefix)) == []
