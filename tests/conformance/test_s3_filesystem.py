"""The filesystems of Ceph and COS pass the suites that fsspec publishes, and open by URL in any program."""

from uuid import uuid4

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)
from support.storages.s3_places import CEPH_BUCKET, COS_BUCKET, Gateway, real_gateway

from storage_adapters.ceph import CephFileSystem, CephStorage
from storage_adapters.cos import CosFileSystem


class Bucket(AbstractFixtures):
    """What holds for every bucket: there are no directories without files in them."""

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class CephOnMoto(Bucket):
    """`ceph://bucket/key`."""

    @pytest.fixture
    def fs(self, moto: Gateway) -> AbstractFileSystem:
        return fsspec.filesystem("ceph", **moto.ceph_options())

    @pytest.fixture
    def fs_path(self, moto: Gateway) -> str:
        return f"{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"


class CephOnRgw(Bucket):
    """`ceph://bucket/key` over a real gateway."""

    @pytest.fixture
    def fs(self) -> AbstractFileSystem:
        return fsspec.filesystem("ceph", **real_gateway().ceph_options())

    @pytest.fixture
    def fs_path(self) -> str:
        return f"{real_gateway().make_bucket(CEPH_BUCKET)}/{uuid4().hex}"


class TestOpenOnMoto(CephOnMoto, AbstractOpenTests):
    """Opening for exclusive writing."""


class TestPipeOnMoto(CephOnMoto, AbstractPipeTests):
    """Writing whole files exclusively."""


@pytest.mark.real
class TestCopyOnRgw(CephOnRgw, AbstractCopyTests):
    """Copying between paths."""


@pytest.mark.real
class TestGetOnRgw(CephOnRgw, AbstractGetTests):
    """Downloading."""


@pytest.mark.real
class TestPutOnRgw(CephOnRgw, AbstractPutTests):
    """Uploading."""


@pytest.mark.real
class TestOpenOnRgw(CephOnRgw, AbstractOpenTests):
    """Opening for exclusive writing."""


@pytest.mark.real
class TestPipeOnRgw(CephOnRgw, AbstractPipeTests):
    """Writing whole files exclusively."""


@pytest.mark.parametrize("kind", ["ceph", "cos"])
def test_a_program_opens_a_file_by_its_url(moto: Gateway, kind: str) -> None:
    bucket = moto.make_bucket(COS_BUCKET)
    options = moto.ceph_options() if kind == "ceph" else moto.cos_options("cos.ap-guangzhou.myqcloud.com")
    url = f"{kind}://{bucket}/{uuid4().hex}/a b/猫.txt"
    with fsspec.open(url, "wt", encoding="utf-8", **options) as file:
        file.write("through fsspec")
    with fsspec.open(url, "rt", encoding="utf-8", **options) as file:
        assert file.read() == "through fsspec"
    fs, path = fsspec.url_to_fs(url, **options)
    assert fs.find(f"{bucket}/{path.split('/')[1]}") == [path]
    fs.rm(path.rpartition("/")[0], recursive=True)
    assert not fs.exists(path)


def test_a_long_file_is_written_in_small_parts_and_read_at_random(moto: Gateway) -> None:
    fs = CephFileSystem(**moto.ceph_options())
    path = f"{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"
    data = bytes(range(256)) * (20 * 4096)
    with fs.open(path, "wb") as file:
        assert file.blocksize == 8 * 1024 * 1024
        file.write(data)
    with fs.open(path, "rb") as file:
        file.seek(9_000_001)
        assert file.read(1000) == data[9_000_001:9_001_001]
    assert fs.cat_file(path, start=100, end=200) == data[100:200]


def test_no_listing_is_kept(moto: Gateway) -> None:
    here = CephFileSystem(**moto.ceph_options())
    there = CephFileSystem(**moto.ceph_options(), skip_instance_cache=True)
    folder = f"{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"
    here.pipe_file(f"{folder}/1", b"x")
    assert here.ls(folder, detail=False) == [f"{folder}/1"]
    there.pipe_file(f"{folder}/2", b"x")
    assert here.ls(folder, detail=False) == [f"{folder}/1", f"{folder}/2"]
    there.rm(f"{folder}/1")
    assert here.ls(folder, detail=False) == [f"{folder}/2"]


def break_off(fs: AbstractFileSystem, path: str, data: bytes) -> None:
    with fs.open(path, "wb") as file:
        file.write(data)
        raise ZeroDivisionError


def test_a_block_left_by_an_exception_leaves_what_was_there_before(moto: Gateway) -> None:
    fs = CephFileSystem(**moto.ceph_options())
    path = f"{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"
    fs.pipe_file(path, b"before")
    for size in (10, 20_000_000):
        with pytest.raises(ZeroDivisionError):
            break_off(fs, path, b"x" * size)
        assert fs.cat_file(path) == b"before"
    storage = CephStorage.from_url(f"ceph://{CEPH_BUCKET}", moto.ceph_options())
    assert [upload for upload in storage.list_uploads("") if path.endswith(upload.key)] == []


def test_a_long_exclusive_file_does_not_replace_what_came_between(moto: Gateway) -> None:
    fs = CephFileSystem(**moto.ceph_options())
    path = f"{moto.make_bucket(CEPH_BUCKET)}/{uuid4().hex}"
    file = fs.open(path, "xb")
    file.write(b"x" * 20_000_000)
    fs.pipe_file(path, b"first")
    with pytest.raises(FileExistsError):
        file.close()
    assert fs.cat_file(path) == b"first"


def test_cos_refuses_exclusive_writes(moto: Gateway) -> None:
    fs = CosFileSystem(**moto.cos_options("cos.ap-guangzhou.myqcloud.com"))
    path = f"{moto.make_bucket(COS_BUCKET)}/{uuid4().hex}"
    with pytest.raises(NotImplementedError):
        fs.open(path, "xb")
    with pytest.raises(NotImplementedError):
        fs.pipe_file(path, b"x", mode="create")
    assert not fs.exists(path)
