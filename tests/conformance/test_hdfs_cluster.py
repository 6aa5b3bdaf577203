"""What HDFS alone does: users and permissions, failover, concatenation, and answers to a wrong path."""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest

from storage_adapters.errors import AddressRefused, NotSupported, PermissionDenied, UploadInvalid
from storage_adapters.hdfs import HdfsStorage
from storage_adapters.object_storage.contract import NewObject, Part, Storage
from storage_adapters.object_storage.streaming import read_stream
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage

pytestmark = pytest.mark.real

BOTH = pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])


def server(kind: str) -> str:
    servers = dict(url.split("://") for url in os.environ.get("DATACENTER_TEST_HDFS_URL", "").split())
    if not servers:
        pytest.skip("DATACENTER_TEST_HDFS_URL names no HDFS")
    return servers[kind]


@pytest.fixture
def root() -> str:
    return f"/tmp/{uuid4()}"


def web(root: str, **options: OptionValue) -> Storage:
    settings: Mapping[str, OptionValue] = {"user": "alice", "timeout_seconds": 20, **options}
    return open_storage("webhdfs", f"webhdfs://{server('webhdfs')}{root}", settings)


def put(storage: Storage, *keys: str) -> None:
    for outcome in storage.put_many(NewObject(key=key, data=b"x") for key in keys):
        assert outcome.error is None


def upload(storage: Storage, key: str, pieces: list[bytes]) -> tuple[str, list[Part]]:
    upload_id, parts, offset = storage.begin_upload(key), [], 0
    for number, piece in enumerate(pieces, start=1):
        parts.append(storage.upload_part(key, upload_id, number, offset, [piece]))
        offset += len(piece)
    return upload_id, parts


def test_another_user_is_denied_and_every_key_says_so(root: str) -> None:
    put(web(root), "d/1", "d/2")
    other_user = web(root, user="bob")
    (refused,) = other_user.put_many([NewObject(key="d/3", data=b"x")])
    assert isinstance(refused.error, PermissionDenied)
    for outcomes in (list(other_user.delete(["d/1", "d/2"])), list(chain(*other_user.delete_prefix("d/")))):
        assert sorted(outcome.key for outcome in outcomes) == ["d/1", "d/2"]
        assert {type(outcome.error) for outcome in outcomes} == {PermissionDenied}
    health = other_user.check()
    assert (health.ok, "Permission denied: user=bob" in health.detail) == (False, True)
    assert [info.key for info in web(root).list_objects("")] == ["d/1", "d/2"]


class Counted:
    """A client that counts the calls to the NameNode by their names."""

    def __init__(self, client: object) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.calls[name] += 1
        found: Callable[..., Any] = getattr(self._client, name)
        return found


@BOTH
def test_everything_under_a_prefix_goes_in_one_call_that_lists_nothing(kind: str, root: str) -> None:
    options = {"user": "alice"} if kind == "webhdfs" else {}
    storage = open_storage(kind, f"{kind}://{server(kind)}{root}", options)
    assert isinstance(storage, HdfsStorage)
    put(storage, *(f"datasets/1/objects/{number % 3}/{number}" for number in range(12)), "datasets/2")
    counted = Counted(storage._client)
    storage._client = counted  # type: ignore[assignment]  # it stands for the client

    assert not any(storage.delete_prefix("datasets/1/"))

    # It is asked first whether a file has the directory's name.
    assert counted.calls == {"info": 1, "delete": 1}
    assert [info.key for info in storage.list_objects("")] == ["datasets/2"]


def test_what_may_go_goes_when_something_under_the_prefix_may_not(root: str) -> None:
    put(web(root), "d/mine/1", "d/2")
    superuser = web(root, user="hdfs")
    assert isinstance(superuser, HdfsStorage)
    superuser._client._rest.set_owner(f"{root}/d/mine", owner="bob")  # type: ignore[attr-defined]  # HdfsCLI's

    (left,) = chain(*web(root).delete_prefix("d/"))

    assert (left.key, type(left.error)) == ("d/mine/1", PermissionDenied)
    assert [info.key for info in web(root).list_objects("")] == ["d/mine/1"]


def test_a_data_node_has_to_be_named_where_nothing_else_may_be_reached(root: str) -> None:
    (refused,) = web(root, reach="named").put_many([NewObject(key="d/1", data=b"x")])
    assert isinstance(refused.error, AddressRefused)
    data_node = re.search(r"redirects to (\S+:\d+),", refused.error.detail)
    assert data_node is not None

    named = web(root, reach="named", datanodes=f"elsewhere:1,{data_node[1]}")
    put(named, "d/1", "d/2")

    assert b"".join(read_stream(named, "d/2")) == b"x"
    assert [info.key for info in named.list_objects("")] == ["d/1", "d/2"]


@BOTH
def test_directories_are_not_open_to_everybody(kind: str, root: str) -> None:
    options = {"user": "alice"} if kind == "webhdfs" else {}
    storage = open_storage(kind, f"{kind}://{server(kind)}{root}", options)
    put(storage, "a/b/c")
    upload_id, parts = upload(storage, "d/k", [b"x"])
    storage.complete_upload("d/k", upload_id, parts)
    storage.fs.pipe_file("e/f/g", b"x")
    for path in ("", "a", "a/b", "d", "e", "e/f", ".datacenter/staging", ".datacenter/uploads"):
        (refused,) = web(f"{root}/{path}".rstrip("/"), user="bob").put_many([NewObject(key="new", data=b"x")])
        assert isinstance(refused.error, PermissionDenied), path


def test_a_user_acts_for_another_where_the_cluster_allows_it(root: str) -> None:
    put(web(root, user="hdfs", proxy_user="carol"), "d/1")
    put(web(root, user="carol"), "d/2")
    assert web(root, user="mallory", proxy_user="carol").check().detail.count("not allowed") == 1


def test_the_next_namenode_is_asked_when_the_first_is_dead(root: str) -> None:
    options = {"namenodes": f"127.0.0.1:1,{server('hdfs')}", "timeout_seconds": 20}
    native = open_storage("hdfs", f"hdfs://cluster{root}", options)
    put(native, "d/1")
    assert native.check().ok
    url = f"webhdfs://127.0.0.1:1,{server('webhdfs')}{root}"
    gateway = open_storage("webhdfs", url, {"user": "alice", "timeout_seconds": 20})
    assert [info.key for info in gateway.list_objects("")] == ["d/1"]


@BOTH
def test_check_says_that_the_path_is_a_file_or_is_missing(kind: str, root: str) -> None:
    options = {"user": "alice"} if kind == "webhdfs" else {}
    url = f"{kind}://{server(kind)}{root}"
    missing = open_storage(kind, url, {**options, "create": False}).check()
    assert (missing.ok, "no such directory" in missing.detail) == (False, True)
    put(open_storage(kind, url, options), "file")
    on_a_file = open_storage(kind, f"{url}/file", options).check()
    assert (on_a_file.ok, "is a file" in on_a_file.detail) == (False, True)


def test_the_port_of_the_other_protocol_is_explained(root: str) -> None:
    url = f"webhdfs://{server('hdfs')}{root}"
    health = open_storage("webhdfs", url, {"user": "alice", "timeout_seconds": 5}).check()
    assert (health.ok, "does not speak WebHDFS" in health.detail) == (False, True)


@BOTH
def test_names_that_are_changed_by_decoding_twice_are_written_and_read_as_they_are(
    kind: str, root: str
) -> None:
    options = {"user": "alice"} if kind == "webhdfs" else {}
    storage = open_storage(kind, f"{kind}://{server(kind)}{root}/50%41+", options)
    keys = ["a%25b", "a%41b", "a%b", "a+b", "aAb", "d%2Fe"]
    for key in keys:
        (outcome,) = storage.put_many([NewObject(key=key, data=key.encode())])
        assert outcome.error is None
    assert [info.key for info in storage.list_objects("")] == keys
    assert [b"".join(read_stream(storage, key)) for key in keys] == [key.encode() for key in keys]


@BOTH
def test_nothing_is_left_of_a_completed_or_aborted_upload(kind: str, root: str) -> None:
    storage = open_storage(
        kind, f"{kind}://{server(kind)}{root}", {"user": "alice"} if kind == "webhdfs" else {}
    )
    upload_id, parts = upload(storage, "d/k", [b"a" * 1000, b"", b"b" * 10, b"c" * 2000])
    storage.complete_upload("d/k", upload_id, parts)
    assert b"".join(read_stream(storage, "d/k")) == b"a" * 1000 + b"b" * 10 + b"c" * 2000
    upload_id, _ = upload(storage, "d/other", [b"a"])
    storage.abort_upload("d/other", upload_id)
    for area in ("uploads", "staging"):
        assert storage.fs.ls(f".datacenter/{area}") == []


@BOTH
def test_completing_writes_no_byte_again_with_as_many_parts_as_the_capabilities_recommend(
    kind: str, root: str
) -> None:
    options = {"user": "alice"} if kind == "webhdfs" else {}
    storage = open_storage(kind, f"{kind}://{server(kind)}{root}", options)
    assert isinstance(storage, HdfsStorage)
    assert storage.capabilities.rewrites_parts == (kind == "hdfs")
    pieces = [b"a" * 1000] if storage.capabilities.rewrites_parts else [b"a" * 500, b"b" * 300, b"c" * 200]
    upload_id, parts = upload(storage, "d/k", pieces)
    counted = Counted(storage._client)
    storage._uploads._client = counted  # type: ignore[assignment]  # it stands for the client

    assert storage.complete_upload("d/k", upload_id, parts).size_bytes == 1000

    assert counted.calls["read"] == counted.calls["write"] == 0
    assert b"".join(read_stream(storage, "d/k")) == b"".join(pieces)


def test_a_completion_that_died_in_the_middle_of_joining_is_taken_up_again(root: str) -> None:
    storage = web(root)
    assert isinstance(storage, HdfsStorage)
    upload_id, parts = upload(storage, "k", [b"aaa", b"bb", b"cccc"])
    area = f"{root}/.datacenter/uploads/{upload_id}"
    storage._client.concat(f"{area}/part-0000001", [f"{area}/part-0000002"])
    with pytest.raises(UploadInvalid):
        storage.complete_upload("k", upload_id, parts[:1])
    assert storage.complete_upload("k", upload_id, parts).size_bytes == 9
    assert b"".join(read_stream(storage, "k")) == b"aaabbcccc"


def test_parts_are_read_and_written_once_where_the_cluster_refuses_to_join_them(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = web(root)
    assert isinstance(storage, HdfsStorage)

    def refuse(*_: object) -> None:
        raise NotSupported("blocks of another size")

    monkeypatch.setattr(storage._client, "concat", refuse)
    upload_id, parts = upload(storage, "k", [b"aaa", b"bb", b"cccc"])
    storage.complete_upload("k", upload_id, parts)
    assert b"".join(read_stream(storage, "k")) == b"aaabbcccc"
