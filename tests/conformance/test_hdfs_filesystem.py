"""The HDFS filesystems pass the suites that fsspec publishes for every filesystem, over both protocols."""

import os
from uuid import uuid4

import fsspec
import pytest
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from storage_adapters.hdfs import HdfsFileSystem

pytestmark = pytest.mark.real

OPTIONS = {"hdfs": {}, "webhdfs": {"user": "tester"}}


def server(kind: str) -> str:
    servers = dict(url.split("://") for url in os.environ.get("DATACENTER_TEST_HDFS_URL", "").split())
    if not servers:
        pytest.skip("DATACENTER_TEST_HDFS_URL names no HDFS")
    return servers[kind]


class Native(AbstractFixtures):
    """The filesystem as a URL names it: `hdfs://host:port/tmp` is an absolute path."""

    kind = "hdfs"

    @pytest.fixture
    def fs(self) -> HdfsFileSystem:
        return fsspec.filesystem(self.kind, host=server(self.kind), **OPTIONS[self.kind])

    @pytest.fixture
    def fs_path(self, fs: HdfsFileSystem) -> str:
        path = f"tmp/{uuid4()}"
        fs.makedirs(path)
        return path


class Web(Native):
    """The same over WebHDFS."""

    kind = "webhdfs"


class TestCopyNative(Native, AbstractCopyTests):
    """Copying between paths."""


class TestGetNative(Native, AbstractGetTests):
    """Downloading."""


class TestPutNative(Native, AbstractPutTests):
    """Uploading."""


class TestOpenNative(Native, AbstractOpenTests):
    """Opening for exclusive writing."""


class TestPipeNative(Native, AbstractPipeTests):
    """Writing whole files exclusively."""


class TestOpenWeb(Web, AbstractOpenTests):
    """Opening for exclusive writing."""


class TestPipeWeb(Web, AbstractPipeTests):
    """Writing whole files exclusively."""


class TestPutWeb(Web, AbstractPutTests):
    """Uploading."""


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_url_opens_the_file_that_it_names(kind: str) -> None:
    url = f"{kind}://{server(kind)}/tmp/{uuid4()}/with space/猫.txt"
    with fsspec.open(url, "wb", **OPTIONS[kind]) as file:
        file.write(b"through ")
        file.write(b"fsspec")
    with fsspec.open(url, "rb", **OPTIONS[kind]) as file:
        assert file.read() == b"through fsspec"


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_block_left_by_an_exception_leaves_what_was_there(kind: str) -> None:
    fs = fsspec.filesystem(kind, host=server(kind), **OPTIONS[kind])
    path = f"tmp/{uuid4()}/file"
    fs.pipe_file(path, b"old")

    def break_off() -> None:
        with fs.open(path, "wb") as file:
            file.write(b"half of the new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert fs.cat_file(path) == b"old"
    assert fs.ls(path.rpartition("/")[0], detail=False) == [path]
