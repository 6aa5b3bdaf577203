"""The adapters that the storage suites run over; a new adapter is one more row."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from secrets import token_hex
from uuid import uuid4

import pytest
from services.moto_server import MotoServer
from support.storages.places import Place, ceph_on_rgw, cos_on_rgw, hdfs, webhdfs
from support.storages.s3_places import COS_BUCKET, Gateway, fresh_root
from support.tables.places import TablePlace

from storage_adapters.object_storage.contract import Storage
from storage_adapters.table_storage.contract import TableName


def nas(request: pytest.FixtureRequest) -> Place:
    return Place(kind="nas", url=f"nas://{request.getfixturevalue('tmp_path')}/storage", options={})


def nas_mounted(request: pytest.FixtureRequest) -> Place:
    """The root of a file system that is mounted for the test, as a NAS is: not the one with the temporary files."""
    if os.geteuid() != 0:
        assert os.environ.get("CI") != "true", "mounting a file system needs root"
        pytest.skip("mounting a file system needs root")
    mount = request.getfixturevalue("tmp_path") / "mounted"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mount)], check=True)
    # Lazily: the storage of the test still holds its root open.
    request.addfinalizer(lambda: subprocess.run(["umount", "-l", str(mount)], check=True))
    return Place(kind="nas", url=f"nas://{mount}", options={})


def cos(request: pytest.FixtureRequest) -> Place:
    gateway = request.getfixturevalue("moto")
    bucket = gateway.make_bucket(COS_BUCKET)
    options = gateway.cos_options("cos.ap-guangzhou.myqcloud.com")
    return Place(kind="cos", url=f"cos://{bucket}/{fresh_root()}", options=options)


# Ceph is tested on its own gateway only; moto stands in for COS, which is not available.
PLACES: Mapping[str, Callable[[pytest.FixtureRequest], Place]] = {
    "cos": cos,
    "memory": lambda _request: Place(kind="memory", url=f"memory://{uuid4()}", options={}),
    "nas": nas,
}
REAL_PLACES: Mapping[str, Callable[[pytest.FixtureRequest], Place]] = {
    "ceph-on-rgw": lambda _request: ceph_on_rgw(),
    "cos-on-rgw": lambda _request: cos_on_rgw(),
    "hdfs": lambda _request: hdfs(),
    "nas-mounted": nas_mounted,
    "webhdfs": lambda _request: webhdfs(),
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
"""Where moto differs from S3 and RGW: by test and parameter; an empty parameter means all.
Strict: these tests must fail."""


@pytest.fixture(params=ROWS)
def place(request: pytest.FixtureRequest) -> Place:
    if request.param is cos:
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


@pytest.fixture
def table(place: TablePlace) -> Iterator[TableName]:
    """A name of an unused table on the module's `place`, for this test."""
    name = place.table(f"t{token_hex(8)}")
    yield name
    place.drop(name)


@pytest.fixture(params=[True, False], ids=["kept", "not kept"])
def keep_parts(request: pytest.FixtureRequest) -> bool:
    """For tests whose result must not depend on whether a table keeps its pieces."""
    return bool(request.param)
