"""The adapters that the storage suites run over; a new adapter is one more row."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from s3_places import CEPH_BUCKET, COS_BUCKET, Gateway, fresh_root, real_gateway
from services.moto_server import MotoServer

from storage_adapters.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage


@dataclass(frozen=True, kw_only=True)
class Place:
    """One empty storage that any number of instances can be opened on."""

    kind: str
    url: str
    options: Mapping[str, OptionValue]
    many: int = 1500
    """The most objects that a test should put here; a slow server is asked for less."""

    def open(self) -> Storage:
        return open_storage(self.kind, self.url, self.options)


HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
"""Holds two URLs: `hdfs://host:port webhdfs://host:port`."""


def hdfs_place(kind: str, options: Mapping[str, OptionValue]) -> Place:
    """A directory of its own in the test server's /tmp, which is open to everybody."""
    servers = dict(url.split("://") for url in os.environ.get(HDFS_VARIABLE, "").split())
    if not servers:
        pytest.skip(f"{HDFS_VARIABLE} names no HDFS")
    return Place(kind=kind, url=f"{kind}://{servers[kind]}/tmp/{uuid4()}", options=options, many=60)


def hdfs(_request: pytest.FixtureRequest) -> Place:
    return hdfs_place("hdfs", {"timeout_seconds": 20})


def webhdfs(_request: pytest.FixtureRequest) -> Place:
    return hdfs_place("webhdfs", {"timeout_seconds": 20, "user": "tester"})


def nas(request: pytest.FixtureRequest) -> Place:
    return Place(kind="nas", url=f"nas://{request.getfixturevalue('tmp_path')}/storage", options={})


def nas_mounted(request: pytest.FixtureRequest) -> Place:
    """The root of a file system that is mounted for the test, as a NAS is: not the one that temporary files lie on."""
    if os.geteuid() != 0:
        assert os.environ.get("CI") != "true", "mounting a file system needs root"
        pytest.skip("mounting a file system needs root")
    mount = request.getfixturevalue("tmp_path") / "mounted"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mount)], check=True)
    request.addfinalizer(lambda: subprocess.run(["umount", str(mount)], check=True))
    return Place(kind="nas", url=f"nas://{mount}", options={})


def ceph(request: pytest.FixtureRequest) -> Place:
    """A bucket of its own, without a root."""
    gateway = request.getfixturevalue("moto")
    return Place(
        kind="ceph", url=f"ceph://{gateway.make_bucket(uuid4().hex)}", options=gateway.ceph_options()
    )


def cos(request: pytest.FixtureRequest) -> Place:
    gateway = request.getfixturevalue("moto")
    bucket = gateway.make_bucket(COS_BUCKET)
    options = gateway.cos_options("cos.ap-guangzhou.myqcloud.com")
    return Place(kind="cos", url=f"cos://{bucket}/{fresh_root()}", options=options)


def ceph_on_rgw(_request: pytest.FixtureRequest) -> Place:
    gateway = real_gateway()
    bucket = gateway.make_bucket(CEPH_BUCKET)
    return Place(kind="ceph", url=f"ceph://{bucket}/{fresh_root()}", options=gateway.ceph_options())


def cos_on_rgw(_request: pytest.FixtureRequest) -> Place:
    """COS's form of addressing at a server that is not COS."""
    gateway = real_gateway()
    bucket = gateway.make_bucket(COS_BUCKET)
    return Place(
        kind="cos", url=f"cos://{bucket}/{fresh_root()}", options=gateway.cos_options("s3.localhost")
    )


PLACES: Mapping[str, Callable[[pytest.FixtureRequest], Place]] = {
    "ceph": ceph,
    "cos": cos,
    "memory": lambda _request: Place(kind="memory", url=f"memory://{uuid4()}", options={}),
    "nas": nas,
}
REAL_PLACES: Mapping[str, Callable[[pytest.FixtureRequest], Place]] = {
    "ceph-on-rgw": ceph_on_rgw,
    "cos-on-rgw": cos_on_rgw,
    "hdfs": hdfs,
    "nas-mounted": nas_mounted,
    "webhdfs": webhdfs,
}

ROWS = [pytest.param(row, id=name) for name, row in PLACES.items()]
ROWS += [pytest.param(row, id=name, marks=pytest.mark.real) for name, row in REAL_PLACES.items()]


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A moto server, started when the first test asks for it."""
    with MotoServer(tmp_path_factory.mktemp("moto")) as server:
        yield Gateway(endpoint=server.url, attempts=2)


NO_500 = "moto answers a part of an unknown upload with a 500"
MOTO_DEVIATES: Mapping[tuple[str, str], str] = {
    ("test_an_awkward_key_works_everywhere", "line\nbreak/tab\t.txt"): "moto finds no path for a line break",
    ("test_aborting_leaves_nothing_and_can_be_repeated", ""): NO_500,
    ("test_an_unknown_upload_is_missing_and_counts_as_aborted", "0" * 32): NO_500,
    ("test_an_unknown_upload_is_missing_and_counts_as_aborted", "../../x"): NO_500,
    ("test_an_unknown_upload_is_missing_and_counts_as_aborted", "no such"): NO_500,
    ("test_pending_uploads_are_listed_by_prefix_with_their_start", ""): "moto's uploads all began in 2010",
}
"""What moto does otherwise than S3 and RGW: by test and parameter, or whatever the parameters.
Strict: it may not pass."""


@pytest.fixture(params=ROWS)
def place(request: pytest.FixtureRequest) -> Place:
    if request.param in (ceph, cos):
        parameters = request.node.callspec.params.values()
        for (test, parameter), reason in MOTO_DEVIATES.items():
            if request.node.originalname == test and (not parameter or parameter in parameters):
                request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    row: Callable[[pytest.FixtureRequest], Place] = request.param
    return row(request)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.open()


@pytest.fixture
def many(place: Place) -> int:
    return place.many
