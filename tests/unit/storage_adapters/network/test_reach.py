"""Reach: a storage leads to the servers that were named and, if it must stay far, never to this machine."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from storage_adapters.errors import AddressRefused, ConfigurationInvalid, StorageError
from storage_adapters.hive.options import HiveOptions
from storage_adapters.hive.staging import open_staging
from storage_adapters.network.reach import addresses_of, refuse_near_name
from storage_adapters.object_storage.contract import ByteRange, NewObject, Storage
from storage_adapters.registry import open_storage, open_tables

KEYS = {"access_key": "a", "secret_key": "b", "attempts": 1}


class Server(ThreadingHTTPServer):
    """Remembers what it is asked; answers with one byte, or redirects every client."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.redirect = 0
        self.location = ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(self.server.redirect or 200)
        if self.server.redirect:
            self.send_header("Location", f"{self.server.location}{self.path}")
            self.send_header("x-amz-bucket-region", "elsewhere")
        self.send_header("Last-Modified", "Tue, 24 Nov 2026 20:00:00 GMT")
        body = b"" if self.server.redirect or self.command == "HEAD" else b"x"
        self.send_header("Content-Length", "0" if self.server.redirect else "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """It is not read."""


for verb in ("PUT", "POST", "DELETE", "HEAD"):
    setattr(_Handler, f"do_{verb}", _Handler.do_GET)


@contextmanager
def listening() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def named() -> Iterator[Server]:
    with listening() as server:
        yield server


@pytest.fixture
def other(named: Server) -> Iterator[Server]:
    """Where the named server sends everybody, under a name that makes it another host."""
    with listening() as server:
        named.redirect, named.location = 307, f"http://localhost:{server.server_port}"
        yield server


def bucket(server: Server, reach: str, scheme: str = "http") -> Storage:
    options = {**KEYS, "endpoint": f"{scheme}://{server.address}", "reach": reach}
    return open_storage("ceph", "ceph://bucket", options)


def raised(call: Callable[[], object]) -> StorageError:
    with pytest.raises(StorageError) as caught:
        call()
    return caught.value


def put(storage: Storage) -> None:
    for outcome in storage.put_many([NewObject(key="k", data=b"secret")]):
        if outcome.error is not None:
            raise outcome.error


CALLS: dict[str, Callable[[Storage], object]] = {
    "stat": lambda storage: storage.stat("k"),
    "read": lambda storage: list(storage.read_ranges([ByteRange(key="k", offset=0, length=1)])),
    "put": put,
    "list": lambda storage: list(storage.list_objects("")),
    "begin_upload": lambda storage: storage.begin_upload("k"),
}


@pytest.mark.parametrize("status", [302, 307])
def test_a_bucket_sends_nobody_to_another_server(named: Server, other: Server, status: int) -> None:
    named.redirect = status
    storage = bucket(named, "named")
    for name, call in CALLS.items():
        named.asked.clear()
        raised(lambda call=call: call(storage))
        assert (name, named.asked != [], other.asked) == (name, True, [])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_far_bucket_is_never_on_this_machine_and_hears_nothing(named: Server, scheme: str) -> None:
    storage = bucket(named, "far", scheme)
    for name, call in CALLS.items():
        refusal = raised(lambda call=call: call(storage))
        result = (name, type(refusal), refusal.code, named.asked)
        assert result == (name, AddressRefused, "STORAGE_ADDRESS_REFUSED", [])


def webhdfs(server: Server, reach: str, datanodes: str = "") -> Storage:
    options = {"reach": reach, "datanodes": datanodes, "timeout_seconds": 5}
    return open_storage("webhdfs", f"webhdfs://{server.address}/root", options)


def test_webhdfs_leads_to_data_nodes_that_are_named_and_to_no_others(named: Server, other: Server) -> None:
    reading = CALLS["read"]
    refusal = raised(lambda: reading(webhdfs(named, "named")))
    assert (type(refusal), refusal.code) == (AddressRefused, "STORAGE_ADDRESS_REFUSED")
    assert f"localhost:{other.server_port}, which is not named" in refusal.detail
    raised(lambda: put(webhdfs(named, "named", datanodes=f"localhost:{other.server_port + 1}")))
    assert other.asked == []

    assert reading(webhdfs(named, "named", datanodes=f"localhost:{other.server_port}")) == [b"x"]
    assert reading(webhdfs(named, "any")) == [b"x"]


def test_far_webhdfs_is_never_on_this_machine(named: Server) -> None:
    assert isinstance(raised(lambda: webhdfs(named, "far").stat("k")), AddressRefused)
    assert named.asked == []


@pytest.mark.parametrize("kind", ["hive", "mysql"])
def test_a_far_database_is_never_on_this_machine(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        options = {"reach": "far", "stall_seconds": 5, "connect_seconds": 5}
        tables = open_tables(kind, f"{kind}://reader@127.0.0.1:{port}", options)
        assert isinstance(raised(lambda: list(tables.list_tables("scans"))), AddressRefused)


def test_the_staging_storage_of_a_far_database_is_far_too(named: Server) -> None:
    url = f"webhdfs://{named.address}/staging"
    options = HiveOptions(host="hive.example", user="reader", staging=url, reach="far")
    staging = open_staging(options, {"reach": "any"})
    assert staging is not None
    assert isinstance(raised(lambda: staging.storage.stat("k")), AddressRefused)
    assert named.asked == []


@pytest.mark.parametrize(
    ("kind", "url", "options"),
    [
        ("ceph", "ceph://bucket", {**KEYS, "endpoint": "http://rgw:7480"}),
        ("webhdfs", "webhdfs://gateway:14000/root", {}),
    ],
)
def test_a_reach_that_is_none_is_refused(kind: str, url: str, options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationInvalid, match="'reach' must be one of: any, named, far"):
        open_storage(kind, url, {**options, "reach": "near"})


def test_a_name_that_leads_to_this_machine_is_refused() -> None:
    assert addresses_of("no-such-host.invalid") == []
    with pytest.raises(AddressRefused, match="localhost is an address"):
        refuse_near_name("localhost")
