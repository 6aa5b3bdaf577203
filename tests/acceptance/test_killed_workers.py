"""kill -9 of a worker in the middle of each kind of job: the end is the same as without, and nothing is done twice."""

import hashlib
import io
import os
import random
import signal
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.jobs.ledger_watch import LedgerWatch, Middle, watching

from datacenter.client import Job, LabelFilter
from datacenter.ledger.states import ShardState

FILES = 1_500
ONES, NOT_ZEROS = LabelFilter(any=("1",)), LabelFilter(none=("0",))
"""The same files by two requests, so that the archive is made twice and not shared."""
MANY_SHARDS = {
    "DATACENTER__SHARDS__FILES": "40",
    "DATACENTER__SHARDS__PART_BYTES": str(48 << 10),
    "DATACENTER__LEDGER__LEASE_SECONDS": "3",
}


@pytest.fixture(scope="module")
def centre(start_centre):
    """Jobs here have so many shards that there is always a middle to be caught in."""
    with start_centre(MANY_SHARDS) as started:
        yield started


@pytest.fixture(scope="module")
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of two labels, 0 to 3 KB each, the same in every run."""
    path = tmp_path_factory.mktemp("archive") / "files.zip"
    chance = random.Random(1)
    with zipfile.ZipFile(path, "w") as file:
        for number in range(FILES):
            file.writestr(f"{number % 2}/图-{number}.png", chance.randbytes(number % 1_500))
    return path


@pytest.fixture(scope="module")
def undisturbed(centre, archive) -> str:
    """A dataset of an undisturbed import."""
    return imported(centre, archive, "undisturbed")


def start_import(centre, archive: Path, name: str) -> tuple[str, Job]:
    dataset, job = centre.client.datasets.create(name, {"upload": centre.client.uploads.send(archive)})
    return dataset.id, job


def imported(centre, archive: Path, name: str) -> str:
    dataset_id, job = start_import(centre, archive, name)
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    return dataset_id


def manifest(centre, dataset_id: str) -> pa.Table:
    """The manifest, with keys as they are below the place of the one import that made the dataset."""
    table = pq.read_table(io.BytesIO(b"".join(centre.client.datasets.manifest(dataset_id))))
    keys = table["key"].to_pylist()
    (place,) = {key.removesuffix(below(key)) for key in keys}
    assert place.startswith(f"datasets/{dataset_id}/objects/")
    return table.set_column(table.column_names.index("key"), "key", [[below(key) for key in keys]])


def contents(centre, dataset_id: str) -> dict[str, str]:
    """The SHA-256 of every object of a dataset, by its key below the place of the import."""
    root = centre.storage / "datasets" / dataset_id / "objects"
    objects = [path for path in root.rglob("*") if path.is_file()]
    found = {below(str(path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in objects}
    assert len(found) == len(objects), "an object lies in two places"
    return found


def below(key: str) -> str:
    """Folder and name of an object."""
    return "/".join(key.split("/")[-2:])


def export(centre, dataset_id: str, labels: LabelFilter, **fields: str) -> Job:
    return centre.client.exports.create([dataset_id], labels=labels, **fields)[1]


def fetched(centre, job: Job) -> str:
    """The SHA-256 of what a download's link gives."""
    url = centre.client.downloads.of_job(job).url
    assert url is not None
    return hashlib.sha256(httpx.get(url, timeout=60).content).hexdigest()


def exported(centre, job: Job) -> str:
    """The SHA-256 of the archive of an export's job."""
    export_id = centre.client.jobs.get(job.id).result["export"]
    return fetched(centre, ends_well(centre, centre.client.downloads.of_export(export_id)))


def ends_well(centre, job: Job) -> Job:
    """The job ends in SUCCESS, and its progress never goes back and never above what there is to do."""
    seen = list(centre.client.jobs.watch(job.id))
    for before, after in pairwise(seen):
        assert after.progress.files_done >= before.progress.files_done
        assert after.progress.bytes_done >= before.progress.bytes_done
    for each in seen:
        assert each.progress.files_done <= (each.progress.files_total or FILES)
        assert each.progress.bytes_done <= (each.progress.bytes_total or 1 << 62)
    assert seen[-1].state == "SUCCESS", seen[-1]
    return seen[-1]


def killed_in_the_middle(watch: LedgerWatch, job: Job) -> Middle:
    """Kill the process that holds a shard of the job; the process that has leased a shard of the job."""
    middle = watch.stop_in_the_middle(job.id)
    os.kill(middle.held.pid, signal.SIGKILL)
    return middle


def nothing_was_done_again(watch: LedgerWatch, middle: Middle) -> None:
    """What was done stayed as it was; what the dead process held was done by another, or later."""
    after = watch.shards(middle.job_id)
    assert {after[shard.number] for shard in middle.done} == set(middle.done)
    assert all(shard.state == ShardState.DONE for shard in after.values())
    assert after[middle.held.number].token > middle.held.token
    assert after[middle.held.number].attempts == middle.held.attempts + 1


def test_an_import_whose_worker_is_killed_makes_the_same_dataset(centre, watch, archive, undisturbed):
    dataset_id, job = start_import(centre, archive, "killed-import")

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert ended.progress.files_done == ended.progress.files_total == FILES
    assert manifest(centre, dataset_id).equals(manifest(centre, undisturbed))
    assert contents(centre, dataset_id) == contents(centre, undisturbed)


@pytest.mark.real
def test_an_import_from_a_prefix_whose_worker_is_killed_makes_the_same_dataset(
    centre, watch, archive, undisturbed
):
    with zipfile.ZipFile(archive) as files:
        files.extractall(centre.inbox / "killed")
    source = {"storage": "inbox", "prefix": "killed/"}
    dataset, job = centre.client.datasets.create("killed-prefix", source)

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert ended.progress.files_done == ended.progress.files_total == FILES
    # The objects lie in the order of their keys instead of the archive's: everything else is the same.
    made, same = (manifest(centre, each).drop_columns("key") for each in (dataset.id, undisturbed))
    assert made.equals(same)
    assert sorted(contents(centre, dataset.id).values()) == sorted(contents(centre, undisturbed).values())


@pytest.mark.real
def test_an_export_whose_worker_is_killed_makes_the_same_archive(centre, watch, undisturbed):
    expected = export(centre, undisturbed, NOT_ZEROS)
    ends_well(centre, expected)
    job = export(centre, undisturbed, ONES)

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert exported(centre, ended) == exported(centre, expected)


@pytest.mark.real
def test_a_compressed_export_whose_worker_is_killed_makes_the_same_archive(centre, watch, undisturbed):
    expected = export(centre, undisturbed, NOT_ZEROS, compression="deflate")
    ends_well(centre, expected)
    job = export(centre, undisturbed, ONES, compression="deflate")

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert exported(centre, ended) == exported(centre, expected)


@pytest.mark.real
def test_a_download_whose_worker_is_killed_makes_the_same_archive(centre, watch, undisturbed):
    downloads = centre.client.downloads
    expected = ends_well(centre, downloads.of_dataset(undisturbed, labels=NOT_ZEROS, archive="tar"))
    job = downloads.of_dataset(undisturbed, labels=ONES, archive="tar")

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert fetched(centre, ended) == fetched(centre, expected)


@pytest.mark.real
def test_a_delete_whose_worker_is_killed_leaves_nothing(centre, watch, archive):
    dataset_id = imported(centre, archive, "killed-delete")
    job = centre.client.datasets.delete(dataset_id)

    middle = killed_in_the_middle(watch, job)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert ended.result == {"dataset": dataset_id, "leftovers": 0}
    assert not (centre.storage / "datasets" / dataset_id).exists()


@pytest.mark.real
def test_an_export_survives_the_death_of_the_workers_parent(centre, watch, undisturbed):
    expected = export(centre, undisturbed, NOT_ZEROS, label_format="csv")
    ends_well(centre, expected)
    job = export(centre, undisturbed, ONES, label_format="csv")

    middle = watch.stop_in_the_middle(job.id)
    os.kill(centre.pid("worker"), signal.SIGKILL)

    ended = ends_well(centre, job)
    nothing_was_done_again(watch, middle)
    assert exported(centre, ended) == exported(centre, expected)


@pytest.mark.real
def test_a_worker_that_stood_still_past_its_lease_changes_nothing(centre, watch, archive, undisturbed):
    dataset_id, job = start_import(centre, archive, "stale-import")
    log = centre.home / "log" / "worker.log"
    before = log.stat().st_size

    middle = watch.stop_in_the_middle(job.id)
    ends_well(centre, job)
    shards, objects = watch.shards(job.id), contents(centre, dataset_id)
    assert shards[middle.held.number].token > middle.held.token
    os.kill(middle.held.pid, signal.SIGCONT)
    watch.until(
        lambda: b"lease lost" in log.read_bytes()[before:],
        "the stale worker never noticed that it was replaced",
    )

    assert watch.shards(job.id) == shards
    assert contents(centre, dataset_id) == objects == contents(centre, undisturbed)
    assert manifest(centre, dataset_id).equals(manifest(centre, undisturbed))
