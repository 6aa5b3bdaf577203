"""Two NameNodes: the active one is killed, the other takes over, and both protocols continue with the same files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.hdfs_pair import NAMESERVICE, HdfsPair

from storage_adapters.errors import StorageUnavailable
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.object_storage.streaming import read_stream
from storage_adapters.registry import open_storage

pytestmark = pytest.mark.real


@pytest.fixture
def pair() -> Iterator[HdfsPair]:
    if not os.environ.get("DATACENTER_TEST_HDFS_URL"):
        pytest.skip("DATACENTER_TEST_HDFS_URL is not set, so there is no Hadoop")
    directory = Path(tempfile.mkdtemp(prefix="dc-"))
    try:
        with HdfsPair(directory) as servers:
            yield servers
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def native(pair: HdfsPair) -> Storage:
    namenodes = ",".join(f"127.0.0.1:{port}" for port in pair.ports.values())
    options = {"namenodes": namenodes, "timeout_seconds": 20}
    return open_storage("hdfs", f"hdfs://{NAMESERVICE}/tmp/native", options)


def web(pair: HdfsPair) -> Storage:
    servers = ",".join(f"127.0.0.1:{port}" for port in pair.web_ports.values())
    return open_storage("webhdfs", f"webhdfs://{servers}/tmp/web", {"user": "alice", "timeout_seconds": 20})


def put(storage: Storage, key: str, data: bytes) -> None:
    for outcome in storage.put_many([NewObject(key=key, data=data)]):
        assert outcome.error is None, outcome.error


def test_both_protocols_go_on_when_the_active_namenode_is_killed_and_the_other_takes_over(
    pair: HdfsPair,
) -> None:
    storages = [native(pair), web(pair)]
    for storage in storages:
        put(storage, "before", b"written to the first")

    pair.kill_the_active()
    with pytest.raises(StorageUnavailable):
        web(pair).stat("before")
    pair.activate_the_other()

    for storage in (*storages, native(pair), web(pair)):
        assert b"".join(read_stream(storage, "before")) == b"written to the first"
        put(storage, "after", b"written to the second")
        assert [info.key for info in storage.list_objects("")] == ["after", "before"]
        assert storage.check().ok
