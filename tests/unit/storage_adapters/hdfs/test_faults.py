"""HDFS: errors of both libraries, URLs, options and deadlines, without a server."""

import gc
import socket
import time
from collections.abc import Iterator
from threading import current_thread
from types import SimpleNamespace

import pytest
import requests
from hdfs.util import HdfsError
from hdfs_native import FileWriter
from support.servers.stubs import answering

from storage_adapters.errors import (
    ConfigurationInvalid,
    InvalidKey,
    NotSupported,
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from storage_adapters.hdfs.faults import DirectoryNotEmpty, translate
from storage_adapters.hdfs.native import NativeClient, translate_native, within
from storage_adapters.hdfs.objects import Layout
from storage_adapters.hdfs.options import split_url, try_addresses
from storage_adapters.hdfs.web import WebClient
from storage_adapters.hdfs.web_faults import translate_request, translated
from storage_adapters.registry import open_storage

JAVA = [
    ("java.io.FileNotFoundException", "File does not exist: /x", ObjectMissing),
    ("org.apache.hadoop.fs.FileAlreadyExistsException", "rename destination /x already exists", ObjectExists),
    ("org.apache.hadoop.security.AccessControlException", "Permission denied: user=bob", PermissionDenied),
    ("org.apache.hadoop.fs.InvalidPathException", "Invalid path name /a:b", InvalidKey),
    ("org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException", "limit", InvalidKey),
    ("org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", "Directory is not empty", DirectoryNotEmpty),
    ("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "The DiskSpace quota", StorageFull),
    ("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "Cannot create", StorageUnavailable),
    ("java.io.IOException", "Source /a and destination /b must both be directories", InvalidKey),
    ("java.io.IOException", "Offset=11 out of the range [0, 10); OPEN, path=/q/a", ObjectChanged),
    ("java.io.IOException", "could only be replicated to 0 nodes", StorageUnavailable),
]


@pytest.mark.parametrize(("name", "message", "kind"), JAVA)
def test_a_java_exception_has_one_meaning_over_both_protocols(
    name: str, message: str, kind: type[StorageError]
) -> None:
    native = translate_native(RuntimeError(f'RPCError("{name}", "{message}\\n\\tat org.apache")'), "/p")
    assert type(native) is type(translate(name, message)) is kind
    simple = name.replace("$", ".").rpartition(".")[2]
    with pytest.raises(kind) as raised, translated("/p"):
        raise HdfsError(f"{message}\n\tat org.apache", exception=simple)
    assert raised.value.key == native.key == "/p"
    assert "org.apache" not in native.detail
    assert native.retryable is kind.retryable


NATIVE = [
    (FileNotFoundError("/x\n\tat"), ObjectMissing, False),
    (FileExistsError("/x"), ObjectExists, False),
    (RuntimeError('InvalidArgument("No NameNode hosts found")'), ConfigurationInvalid, False),
    (RuntimeError('UnsupportedFeature("x")'), NotSupported, False),
    (RuntimeError('SASLError("x")'), PermissionDenied, False),
    (RuntimeError('DataTransferError("x")'), StorageUnavailable, True),
    (OSError("connection reset"), StorageUnavailable, True),
    (BaseException("there is no reactor running"), StorageUnavailable, True),
]


@pytest.mark.parametrize(("error", "kind", "retryable"), NATIVE)
def test_what_hdfs_native_raises_is_translated(
    error: BaseException, kind: type[StorageError], retryable: bool
) -> None:
    fault = translate_native(error, "/p")
    assert type(fault) is kind
    assert fault.retryable is retryable
    assert fault.detail


WEB = [
    (requests.exceptions.ConnectTimeout(), StorageUnavailable),
    (requests.exceptions.ReadTimeout(), StorageUnavailable),
    (requests.exceptions.SSLError(), ConfigurationInvalid),
    (requests.exceptions.InvalidURL(), ConfigurationInvalid),
    (requests.exceptions.ConnectionError(), StorageUnavailable),
    (requests.exceptions.ChunkedEncodingError(), StorageUnavailable),
]


@pytest.mark.parametrize(("error", "kind"), WEB)
def test_what_the_http_library_raises_is_translated(
    error: requests.RequestException, kind: type[StorageError]
) -> None:
    assert type(translate_request(error, "/p")) is kind


def test_an_answer_that_is_not_of_webhdfs_says_so() -> None:
    for error in (HdfsError(b"<html>"), KeyError("FileStatus")):
        with pytest.raises(ConfigurationInvalid, match="does not speak WebHDFS"), translated("/p"):
            raise error


@pytest.mark.parametrize(
    "url", ["hdfs://", "hdfs://host", "hdfs://host/", "hdfs:///a", "http://host/a", "hdfs://host/a/../../b"]
)
def test_a_url_without_a_server_or_a_directory_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationInvalid):
        split_url(url, "hdfs")


def test_a_url_names_servers_and_a_directory() -> None:
    assert split_url("webhdfs://a:1,b:2/data/x/", "webhdfs") == ("a:1,b:2", "/data/x")


@pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])
def test_an_unknown_option_or_port_is_named(kind: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="colour"):
        open_storage(kind, f"{kind}://host:1/a", {"colour": "red"})
    with pytest.raises(ConfigurationInvalid, match="host:port"):
        open_storage(kind, f"{kind}://host:x/a", {})


@pytest.mark.parametrize("key", ["a:b", ".datacenter/staging/x", "a" * 256, "中" * 86])
def test_a_key_that_hdfs_cannot_hold_is_refused(key: str) -> None:
    with pytest.raises(InvalidKey):
        Layout("/root").object_path(key)


def test_a_call_that_does_not_end_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match="did not answer"):
        within(0.05, lambda: time.sleep(1))
    assert time.monotonic() - began < 0.5
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])
def test_a_silent_server_is_given_up_after_the_timeout(kind: str, silent: int) -> None:
    storage = open_storage(kind, f"{kind}://127.0.0.1:{silent}/a", {"timeout_seconds": 1})
    with pytest.raises(StorageUnavailable):
        storage.stat("k")
    health = storage.check()
    assert not health.ok
    assert "answer" in health.detail


def test_one_server_that_can_be_reached_is_enough(silent: int) -> None:
    try_addresses([("no-such-host.invalid", 1), ("127.0.0.1", silent)])


def test_a_redirect_to_what_is_not_webhdfs_is_not_followed() -> None:
    elsewhere = {"Location": "http://127.0.0.1:1/elsewhere?op=OPEN"}
    with answering(307, elsewhere) as url:
        client = WebClient([url], timeout_seconds=5)
        with pytest.raises(ConfigurationInvalid, match="redirects to"):
            client.read("/a", [(0, 1)])
        for call in (lambda: client.write("/a/b", [b"secret"]), lambda: client.info("/a")):
            with pytest.raises(ConfigurationInvalid, match="redirects"):
                call()


@pytest.mark.parametrize("call", ["write", "append"])
def test_a_file_that_could_not_be_closed_is_not_closed_again_by_whoever_collects_it(call: str) -> None:
    closes = []

    class Inner:
        """A file whose NameNode is away."""

        def write(self, data: bytes) -> int:
            return len(data)

        def close(self) -> None:
            closes.append(current_thread())
            raise RuntimeError("no NameNode")

    client = NativeClient("hdfs://127.0.0.1:1", {})
    client._client = SimpleNamespace(  # type: ignore[assignment]  # it answers without a server
        create=lambda *_: FileWriter(Inner()), append=lambda *_: FileWriter(Inner())
    )

    with pytest.raises(StorageUnavailable):
        client.write("/a", [b"data"]) if call == "write" else client.append("/a", b"data")
    gc.collect()

    assert len(closes) == 1
    assert closes[0] is not current_thread(), "within the deadline"
