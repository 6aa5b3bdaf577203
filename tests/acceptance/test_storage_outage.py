"""A storage's server dies in the middle of each kind of job: the job waits for it, and nothing is lost or left behind."""

import os
import random
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cut_proxy import CutProxy, cut_proxy
from ledger_watch import watching
from rest_jobs import archive_of, eventually
from s3_places import CEPH_BUCKET, fresh_root, real_gateway

from datacenter.client import Dataset, Job
from storage_adapters.contract import NewObject, Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
MIB = 1 << 20
SETTINGS = {
    "DATACENTER__SHARDS__FILES": "2",
    "DATACENTER__SHARDS__PART_BYTES": str(5 * MIB),
    "DATACENTER__LEDGER__LEASE_SECONDS": "30",
    "DATACENTER__LEDGER__BACKOFF_SECONDS": "0.5",
    "DATACENTER__LEDGER__BACKOFF_CEILING_SECONDS": "1",
    "DATACENTER__LEDGER__ATTEMPTS": "4",
}
"""Shards enough for a middle, and attempts that are soon used up."""
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


@contextmanager
def on_ceph(name: str) -> Iterator[Lake]:
    gateway = real_gateway()
    url = f"ceph://{gateway.make_bucket(CEPH_BUCKET)}/{fresh_root()}"
    with cut_proxy("127.0.0.1", int(gateway.endpoint.rpartition(":")[2])) as proxy:
        behind = replace(gateway, endpoint=f"http://127.0.0.1:{proxy.port}", attempts=2)
        options = {**behind.ceph_options(), "connect_seconds": 2}
        direct = open_storage("ceph", url, gateway.ceph_options())
        yield Lake(name=name, kind="ceph", url=url, options=options, proxy=proxy, direct=direct)


@contextmanager
def on_hdfs(name: str, kind: str) -> Iterator[Lake]:
    """The proxy stands before the NameNode only: without it nobody finds the DataNode."""
    servers = dict(url.split("://") for url in os.environ.get(HDFS_VARIABLE, "").split())
    if not servers:
        pytest.skip(f"{HDFS_VARIABLE} names no HDFS")
    options: dict[str, OptionValue] = {
        "timeout_seconds": 5,
        **({"user": "root"} if kind == "webhdfs" else {}),
    }
    host, _, port = servers[kind].partition(":")
    root = f"/tmp/{uuid4()}"
    with cut_proxy(host, int(port)) as proxy:
        direct = open_storage(kind, f"{kind}://{servers[kind]}{root}", options)
        url = f"{kind}://127.0.0.1:{proxy.port}{root}"
        yield Lake(name=name, kind=kind, url=url, options=options, proxy=proxy, direct=direct)


PLACES: dict[str, Callable[[str], object]] = {
    "ceph": on_ceph,
    "hdfs": lambda name: on_hdfs(name, "hdfs"),
    "webhdfs": lambda name: on_hdfs(name, "webhdfs"),
}


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(SETTINGS) as started:
        yield started


@pytest.fixture(params=PLACES)
def lake(centre, request: pytest.FixtureRequest) -> Iterator[Lake]:
    """A storage of its own for each test."""
    with PLACES[request.param](f"lake-{uuid4().hex[:8]}") as made:
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
    """The job says that it will try again, and why; then the server is there again."""
    eventually(
        lambda: centre.client.jobs.get(job.id).state == "RETRY", "the job never waited for its storage"
    )
    waiting = centre.client.jobs.get(job.id).error
    assert waiting is not None
    assert waiting.code == "STORAGE_UNAVAILABLE"
    assert waiting.message.startswith(f"storage {lake.name}: ")
    lake.proxy.mend()
    ended = centre.client.jobs.wait(job)
    assert (ended.state, ended.error) == ("SUCCESS", None)
    return ended


def all_files_are_there(centre, dataset: Dataset) -> None:
    for path, data in FILES.items():
        assert b"".join(centre.client.datasets.read_file(dataset.id, path)) == data


def only_the_dataset_is_left(lake: Lake, dataset: Dataset) -> None:
    """Its objects and one manifest, once the sweep was there: no staging, no upload, nothing twice."""
    place = f"datasets/{dataset.id}/"
    eventually(lambda: len(lake.objects()) == len(FILES) + 1, "something else lies there")
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


def test_an_export_goes_on_when_its_storage_is_back(centre, lake, archive, name, tmp_path):
    dataset = import_to(centre, lake, archive, name)
    export, job = centre.client.exports.create([dataset.id], storage=lake.name)

    dies_in_the_middle(centre, lake, job)

    comes_back_while_the_job_waits(centre, lake, job)
    link = centre.client.downloads.of_job(
        centre.client.jobs.wait(centre.client.downloads.of_export(export.id))
    ).url
    made = tmp_path / "export.zip"
    made.write_bytes(httpx.get(str(link), timeout=60).content)
    with zipfile.ZipFile(made) as members:
        assert all(members.read(path) == data for path, data in FILES.items())
    assert lake.uploads() == []


def test_a_delete_goes_on_when_its_storage_is_back(centre, lake, archive, name):
    dataset = import_to(centre, lake, archive, name)
    job = centre.client.datasets.delete(dataset.id)

    dies_in_the_middle(centre, lake, job)

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

    assert (failed.state, failed.attempts) == ("FAILURE", 4)
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
