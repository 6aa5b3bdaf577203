"""A storage's server dies in the middle of each kind of job: the job waits for it, and nothing is lost or left behind."""

import os
import random
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from support.jobs.ledger_watch import watching
from support.jobs.rest_jobs import archive_of, eventually
from support.servers.cut_proxy import CutProxy, cut_proxy
from support.storages.places import Place, ceph_on_rgw, hdfs, webhdfs

from datacenter.client import Dataset, Export, Job
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.options import OptionValue

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MIB = 1 << 20
PATIENCE_SECONDS = 60
SETTINGS = {
    "DATACENTER__SHARDS__FILES": "2",
    "DATACENTER__SHARDS__PART_BYTES": str(5 * MIB),
    "DATACENTER__LEDGER__LEASE_SECONDS": "30",
    "DATACENTER__LEDGER__BACKOFF_SECONDS": "0.5",
    "DATACENTER__LEDGER__BACKOFF_CEILING_SECONDS": "1",
    "DATACENTER__LEDGER__ATTEMPTS": "5",
}
"""Enough shards to stop in the middle, and few attempts."""
_chance = random.Random(5)
FILES = {f"{number % 2}/图-{number}.bin": _chance.randbytes(MIB) for number in range(16)}


@dataclass(frozen=True, kw_only=True)
class Lake:
    """A storage that is reached through a proxy by the data centre, and directly by the test."""

    name: str
    kind: str
    url: str
    options: dict[str, OptionValue]
    proxy: CutProxy
    direct: Storage

    def objects(self) -> list[str]:
        """Every object there."""
        return [info.key for info in self.direct.list_objects("")]

    def uploads(self) -> list[str]:
        """Every upload that was begun and not ended."""
        return [upload.key for upload in self.direct.list_uploads("")]


IMPATIENT: dict[str, dict[str, OptionValue]] = {
    "ceph": {"attempts": 2, "connect_seconds": 2},
    "hdfs": {"timeout_seconds": 5},
    "webhdfs": {"timeout_seconds": 5},
}
"""Options with which the loss of a server is soon noticed."""
PLACES: dict[str, Callable[[], Place]] = {"ceph": ceph_on_rgw, "hdfs": hdfs, "webhdfs": webhdfs}


@contextmanager
def behind_a_proxy(place: Place) -> Iterator[Lake]:
    """Of HDFS the proxy hides the NameNode only: without it no client finds the DataNode."""
    server = urlsplit(str(place.options.get("endpoint", place.url)))
    with cut_proxy(str(server.hostname), int(server.port or 0)) as proxy:
        proxied = {
            name: value.replace(server.netloc, f"127.0.0.1:{proxy.port}") if isinstance(value, str) else value
            for name, value in {**place.options, "url": place.url}.items()
        }
        yield Lake(
            name=f"lake-{uuid4().hex[:8]}",
            kind=place.kind,
            url=str(proxied.pop("url")),
            options={**proxied, **IMPATIENT[place.kind]},
            proxy=proxy,
            direct=place.open(),
        )


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(SETTINGS) as started:
        yield started


@pytest.fixture(params=PLACES)
def lake(centre, request: pytest.FixtureRequest) -> Iterator[Lake]:
    """A storage of its own for each test."""
    with behind_a_proxy(PLACES[request.param]()) as made:
        centre.client.storages.add(made.name, kind=made.kind, url=made.url, role="both", options=made.options)
        yield made


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(FILES, tmp_path_factory.mktemp("archive") / "files.zip")


def import_to(centre, lake: Lake, archive: Path, name: str) -> Dataset:
    dataset, job = centre.client.datasets.create(
        name, {"upload": centre.client.uploads.send(archive)}, storage=lake.name
    )
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    return centre.client.datasets.get(dataset.id)


def dies_in_the_middle(centre, lake: Lake, job: Job) -> None:
    """One shard is done and another is being worked on when the server goes away."""
    with watching(centre.database) as watch:
        middle = watch.stop_in_the_middle(job.id)
        lake.proxy.cut()
        os.kill(middle.held.pid, signal.SIGCONT)


def comes_back_while_the_job_waits(centre, lake: Lake, job: Job) -> Job:
    """An attempt has failed and the job says why; then the server is there again.

    Its state says RETRY only as long as no other of its shards is tried.
    """
    jobs = centre.client.jobs
    eventually(lambda: jobs.get(job.id).error is not None, "no attempt failed", seconds=PATIENCE_SECONDS)
    waiting = jobs.get(job.id)
    assert waiting.state in ("RETRY", "STARTED")
    assert waiting.error is not None
    assert waiting.error.code == "STORAGE_UNAVAILABLE"
    assert waiting.error.message.startswith(f"storage {lake.name}: ")
    lake.proxy.mend()
    ended = jobs.wait(job)
    assert (ended.state, ended.error) == ("SUCCESS", None)
    return ended


def all_files_are_there(centre, dataset: Dataset) -> None:
    for path, data in FILES.items():
        assert b"".join(centre.client.datasets.read_file(dataset.id, path)) == data


def only_the_dataset_is_left(lake: Lake, dataset: Dataset) -> None:
    """Its objects and one manifest, once the sweep was there: no staging, no upload, nothing twice."""
    place = f"datasets/{dataset.id}/"
    eventually(
        lambda: len(lake.objects()) == len(FILES) + 1, "something else lies there", seconds=PATIENCE_SECONDS
    )
    assert all(key.startswith(place) for key in lake.objects())
    assert lake.uploads() == []


def test_an_import_goes_on_when_its_storage_is_back(centre, lake, archive, name):
    dataset, job = centre.client.datasets.create(
        name, {"upload": centre.client.uploads.send(archive)}, storage=lake.name
    )

    dies_in_the_middle(centre, lake, job)

    comes_back_while_the_job_waits(centre, lake, job)
    all_files_are_there(centre, dataset)
    only_the_dataset_is_left(lake, dataset)


def test_an_import_from_a_prefix_goes_on_when_its_source_is_back(centre, lake, name):
    for outcome in lake.direct.put_many(
        NewObject(key=f"in/{path}", data=data) for path, data in FILES.items()
    ):
        assert outcome.error is None
    dataset, job = centre.client.datasets.create(name, {"storage": lake.name, "prefix": "in/"})

    dies_in_the_middle(centre, lake, job)

    comes_back_while_the_job_waits(centre, lake, job)
    all_files_are_there(centre, dataset)
    assert sorted(lake.objects()) == sorted(f"in/{path}" for path in FILES)


@pytest.mark.parametrize("lake", ["ceph", "webhdfs"], indirect=True)
def test_an_export_goes_on_when_its_storage_is_back(centre, lake, archive, name, tmp_path):
    """Not over hdfs, where an archive is one part, which has no middle."""
    dataset = import_to(centre, lake, archive, name)
    export, job = centre.client.exports.create([dataset.id], storage=lake.name)

    dies_in_the_middle(centre, lake, job)

    the_archive_is_whole(centre, lake, export, job, tmp_path / "export.zip")


@pytest.mark.parametrize("lake", ["hdfs"], indirect=True)
def test_an_export_waits_for_a_storage_that_is_away(centre, lake, archive, name, tmp_path):
    dataset = import_to(centre, lake, archive, name)
    later = datetime.now(UTC) + timedelta(seconds=1)
    export, job = centre.client.exports.create(
        [dataset.id], storage=lake.name, options={"not_before": later.isoformat()}
    )

    lake.proxy.cut()

    the_archive_is_whole(centre, lake, export, job, tmp_path / "export.zip")


def the_archive_is_whole(centre, lake: Lake, export: Export, job: Job, made: Path) -> None:
    comes_back_while_the_job_waits(centre, lake, job)
    link = centre.client.downloads.of_job(
        centre.client.jobs.wait(centre.client.downloads.of_export(export.id))
    ).url
    made.write_bytes(httpx.get(str(link), timeout=60).content)
    with zipfile.ZipFile(made) as members:
        assert all(members.read(path) == data for path, data in FILES.items())
    assert lake.uploads() == []


@pytest.mark.parametrize("lake", ["ceph"], indirect=True)
def test_a_delete_goes_on_when_its_storage_is_back(centre, lake, archive, name):
    """Not on HDFS, where a dataset goes in one call, which has no middle."""
    dataset = import_to(centre, lake, archive, name)
    job = centre.client.datasets.delete(dataset.id)

    dies_in_the_middle(centre, lake, job)

    the_dataset_goes(centre, lake, dataset, job)


def test_a_delete_waits_for_a_storage_that_is_away(centre, lake, archive, name):
    dataset = import_to(centre, lake, archive, name)
    lake.proxy.cut()

    job = centre.client.datasets.delete(dataset.id)

    the_dataset_goes(centre, lake, dataset, job)


def the_dataset_goes(centre, lake: Lake, dataset: Dataset, job: Job) -> None:
    ended = comes_back_while_the_job_waits(centre, lake, job)
    assert ended.result == {"dataset": dataset.id, "leftovers": 0}
    eventually(lambda: lake.objects() == [], "the dataset is gone and its objects are not")
    assert lake.uploads() == []


def test_a_job_whose_storage_stays_away_fails_and_can_be_retried_when_it_is_back(centre, lake, archive, name):
    dataset, job = centre.client.datasets.create(
        name, {"upload": centre.client.uploads.send(archive)}, storage=lake.name
    )

    dies_in_the_middle(centre, lake, job)
    failed = centre.client.jobs.wait(job, timeout_seconds=120)

    assert (failed.state, failed.attempts) == ("FAILURE", 5)
    assert failed.error is not None
    assert failed.error.code == "STORAGE_UNAVAILABLE"
    assert centre.client.datasets.get(dataset.id).state == "FAILED"
    lake.proxy.mend()
    centre.client.jobs.retry(job.id)
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    all_files_are_there(centre, dataset)
    only_the_dataset_is_left(lake, dataset)


def test_what_a_failed_import_has_put_goes_with_its_dataset(centre, lake, archive, name):
    dataset, job = centre.client.datasets.create(
        name, {"upload": centre.client.uploads.send(archive)}, storage=lake.name
    )
    dies_in_the_middle(centre, lake, job)
    assert centre.client.jobs.wait(job, timeout_seconds=120).state == "FAILURE"
    lake.proxy.mend()
    assert lake.objects() != []

    assert centre.client.jobs.wait(centre.client.datasets.delete(dataset.id)).state == "SUCCESS"

    eventually(lambda: lake.objects() == [], "something of the failed import is left")
    assert lake.uploads() == []
