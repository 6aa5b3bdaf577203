"""Delete: the calls to the storage. A storage that removes a directory as a whole is called once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.jobs.manifests import published
from support.jobs.workbench import Workbench
from support.storages.memory import MemoryStorage

from datacenter.datasets import labelling, retrying
from datacenter.datasets.labelling import FileSelection
from datacenter.datasets.manifest import read_rows, write_manifest
from datacenter.datasets.models import Dataset
from datacenter.datasets.records import find_version
from datacenter.ledger.models import Job
from datacenter.settings.model import StorageSettings
from storage_adapters.errors import PermissionDenied
from storage_adapters.object_storage.contract import Storage

FILES = {f"{number:02d}.txt": ["even"] if number % 2 == 0 else [] for number in range(30)}


class Watched:
    """Registered storages that count the calls of jobs by their names."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, name: str) -> Any:
        return WatchedStorage(self._inner.open(name), self.calls)


class WatchedStorage:
    def __init__(self, inner: Storage, calls: Counter[str]) -> None:
        self._inner, self._calls = inner, calls

    def __getattr__(self, name: str) -> Any:
        self._calls[name] += 1
        return getattr(self._inner, name)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """A storage that removes whole directories; shards of ten files."""
    kept = StorageSettings(
        kind="memory", url=f"memory://{tmp_path}", role="both", options={"recursive_delete": True}
    )
    bench = Workbench(tmp_path, storages={"default": kept}, files=10)
    yield bench
    bench.close()


def deleted(bench: Workbench, dataset: Dataset) -> tuple[Job, Counter[str]]:
    """The ended job, and the calls that the jobs made."""
    storages = Watched(bench.resources.storages)
    bench.resources = replace(bench.resources, storages=storages)  # type: ignore[arg-type]  # a counting replacement
    job = bench.delete(dataset.id)
    bench.work()
    return bench.job(job.id), storages.calls


def test_a_dataset_goes_as_a_whole_where_the_storage_can_do_that(bench: Workbench) -> None:
    dataset, other = published(bench, FILES), published(bench, FILES)
    labelling.relabel(
        bench.resources,
        bench.project_id,
        dataset.id,
        select=FileSelection(prefix="0"),
        add=("new",),
        remove=(),
        also=lambda *_: None,
    )

    job, calls = deleted(bench, dataset)

    assert (job.state, job.files_done, job.bytes_done) == ("SUCCESS", len(FILES), job.bytes_total)
    assert calls["delete"] == 0
    assert calls["list_objects"] == 0
    # Once for the files, and once more for what was written meanwhile.
    assert calls["delete_prefix"] == 2
    assert bench.objects() == bench.objects(other.prefix)
    assert len(bench.objects()) == len(FILES) + 1


def test_objects_that_lie_elsewhere_are_removed_by_their_keys(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    bench.keep("default", {"elsewhere/1": b"moved", "elsewhere/2": b"not of the dataset"})
    move_first_file(bench, dataset, "elsewhere/1")

    job, calls = deleted(bench, dataset)

    assert (job.state, job.files_done) == ("SUCCESS", len(FILES))
    assert calls["delete"] == 3
    assert bench.objects() == ["elsewhere/2"]


def test_what_the_storage_keeps_is_reported_and_a_retry_removes_it(bench: Workbench) -> None:
    dataset = published(bench, FILES)
    kept = f"{dataset.prefix}objects/000007"
    storage = MemoryStorage.from_url(bench.settings.storages["default"].url, {})
    storage.fail = lambda operation, key: (
        PermissionDenied("no") if (operation, key) == ("delete", kept) else None
    )

    job, _ = deleted(bench, dataset)

    assert job.error is not None
    assert (job.state, job.error["code"], job.files_done) == ("FAILURE", "LEFTOVERS", 0)
    assert job.result is not None
    assert (job.result["leftovers"], job.result["examples"]) == (1, [kept])
    assert bench.objects() == [kept]

    storage.fail = None
    with bench.database.transaction() as session:
        retrying.retry(session, bench.resources, bench.project_id, job.id)
    bench.work()
    assert bench.job(job.id).state == "SUCCESS"
    assert bench.objects() == []


def move_first_file(bench: Workbench, dataset: Dataset, key: str) -> None:
    """Change the manifest so that its first file has this key."""
    storage = bench.resources.storages.open("default")
    with bench.database.reading() as session:
        manifest = find_version(session, bench.project_id, dataset.id)[1].manifest_key
    rows = pa.concat_tables(read_rows(storage, manifest))
    keys = pa.array([key, *rows["key"].to_pylist()[1:]])
    write_manifest(storage, manifest, [rows.set_column(rows.schema.get_field_index("key"), "key", keys)])
