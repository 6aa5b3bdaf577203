"""What a person reads when a NAS, an HDFS, a Hive or a database does not work: which place, what is wrong, what to do."""

import errno
import os
import socket
import socketserver
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from services.server import free_port
from support.servers.refusing import listening, refusing_mysql
from support.servers.stubs import answering

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.mysql.options import WIRE_PROTOCOL
from storage_adapters.nas import NasStorage
from storage_adapters.network.protocol_probe import wrong_protocol_at
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Health
from storage_adapters.options import OptionValue
from storage_adapters.registry import holds_tables, open_storage, open_tables


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def web(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"<html>") -> Iterator[str]:
    """A web server that gives this answer to whatever is asked."""
    with answering(status, headers or {"Content-Type": "text/html"}, body) as url:
        yield url.removeprefix("http://")


@contextmanager
def saying(greeting: bytes) -> Iterator[str]:
    """A server that greets every client with the same words and hangs up, once it received something."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(greeting)
            self.request.recv(1024)

    with listening(Handler) as address:
        yield address


def closed_port() -> AbstractContextManager[str]:
    return nullcontext(f"127.0.0.1:{free_port()}")


def nowhere() -> AbstractContextManager[str]:
    return nullcontext("no-such-host.invalid:1")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A system, the wrong server at its address, and the expected detail besides the place."""

    kind: str
    server: Callable[[], AbstractContextManager[str]]
    detail: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    def check(self, server: str) -> Health:
        """The answer of the storage at this server."""
        if holds_tables(self.kind):
            waits = {"connect_seconds": 1, "stall_seconds": 1}
            return open_tables(self.kind, f"{self.kind}://reader:5a9e04c1@{server}", waits).check()
        options = {"timeout_seconds": 1, **self.options}
        return open_storage(self.kind, f"{self.kind}://{server}/data", options).check()


JAVA = {"Content-Type": "application/json"}
DENIED = (
    b'{"RemoteException": {"exception": "AccessControlException", "message": "Permission denied: user=bob"}}'
)
SAFE = b'{"RemoteException": {"exception": "SafeModeException", "message": "Cannot create"}}'
SSH = b"SSH-2.0-OpenSSH_9.6\r\n"
NAMENODE = b"It looks like you are making an HTTP request to a Hadoop IPC port."


def mysql_error(number: int, words: bytes) -> bytes:
    """What a server of MySQL's protocol says instead of its greeting."""
    said = b"\xff" + number.to_bytes(2, "little") + words
    return len(said).to_bytes(3, "little") + b"\0" + said


ACCESS_DENIED = mysql_error(1045, b"#28000Access denied for user 'u'")
TOO_MANY = mysql_error(1040, b"Too many connections")
BLOCKED = mysql_error(1129, b"Host 'h' is blocked because of many connection errors")
LOGIN_REFUSED = b"\x03\0\0\0\x02no"
OF_HDFS = "speaks {}, not Hadoop's RPC: correct the port, which is usually 8020."
OF_HIVE = "speaks {}, not HiveServer2's binary protocol: correct the port, which is usually 10000."
OF_MYSQL = "speaks {}, not MySQL's protocol: correct the port, which is usually 3306."
CASES = {
    "hdfs-unknown-name": Case(kind="hdfs", server=nowhere, detail="cannot be resolved: correct it"),
    "hdfs-refused": Case(
        kind="hdfs", server=closed_port, detail="check that the server is running, and the port"
    ),
    "hdfs-silent": Case(kind="hdfs", server=silent, detail="that this is its RPC port"),
    "hive-unknown-name": Case(kind="hive", server=nowhere, detail="cannot be resolved: correct it"),
    "hive-refused": Case(kind="hive", server=closed_port, detail="check that it is running, and the port"),
    "hive-silent": Case(kind="hive", server=silent, detail="and the option 'login'"),
    "webhdfs-unknown-name": Case(kind="webhdfs", server=nowhere, detail="cannot be resolved: correct it"),
    "webhdfs-refused": Case(
        kind="webhdfs", server=closed_port, detail="check that the server is running, and the port"
    ),
    "webhdfs-silent": Case(kind="webhdfs", server=silent, detail="that this is its HTTP port"),
    "webhdfs-not-webhdfs": Case(
        kind="webhdfs",
        server=lambda: web(404),
        detail="does not speak WebHDFS: check the port, which is usually 9870",
    ),
    "webhdfs-proxy": Case(kind="webhdfs", server=lambda: web(502), detail="check the server behind the URL"),
    "webhdfs-elsewhere": Case(
        kind="webhdfs",
        server=lambda: web(307, {"Location": "http://evil/"}),
        detail="redirects instead of answering",
    ),
    "webhdfs-not-authenticated": Case(
        kind="webhdfs", server=lambda: web(401), detail="correct the option 'user' or 'token'"
    ),
    "webhdfs-denied": Case(
        kind="webhdfs",
        server=lambda: web(403, JAVA, DENIED),
        detail="Permission denied: user=bob. Ask the owner to allow it, or use another user: by the option 'user'",
    ),
    "webhdfs-safe-mode": Case(kind="webhdfs", server=lambda: web(403, JAVA, SAFE), detail="in safe mode"),
    "webhdfs-no-tls": Case(
        kind="webhdfs",
        server=lambda: web(200),
        detail="correct the port or the option 'tls'",
        options={"tls": True},
    ),
    "webhdfs-ssh": Case(kind="webhdfs", server=lambda: saying(SSH), detail="does not speak WebHDFS"),
    "hdfs-web": Case(kind="hdfs", server=lambda: web(200), detail=OF_HDFS.format("HTTP")),
    "hdfs-ssh": Case(kind="hdfs", server=lambda: saying(SSH), detail=OF_HDFS.format("SSH")),
    "hdfs-amqp": Case(kind="hdfs", server=lambda: saying(b"AMQP\0\0\x09\x01"), detail=OF_HDFS.format("AMQP")),
    "hdfs-mysql": Case(kind="hdfs", server=refusing_mysql, detail=OF_HDFS.format("MySQL's protocol")),
    "hdfs-namenode": Case(kind="hdfs", server=lambda: web(404, body=NAMENODE), detail="did not answer"),
    "hive-web": Case(kind="hive", server=lambda: web(200), detail=OF_HIVE.format("HTTP")),
    "hive-namenode": Case(
        kind="hive", server=lambda: web(404, body=NAMENODE), detail=OF_HIVE.format("Hadoop's RPC")
    ),
    "hive-denied": Case(kind="hive", server=lambda: saying(LOGIN_REFUSED), detail="rejected the login: no"),
    "mysql-web": Case(kind="mysql", server=lambda: web(200), detail=OF_MYSQL.format("HTTP")),
    "mysql-redis": Case(
        kind="mysql",
        server=lambda: saying(b"-ERR unknown command\r\n"),
        detail=OF_MYSQL.format("the protocol of Redis"),
    ),
    "mysql-unknown-name": Case(kind="mysql", server=nowhere, detail="and the URL's host and port"),
    "mysql-refused": Case(
        kind="mysql",
        server=closed_port,
        detail="Check that the server is running, and the URL's host and port",
    ),
    "mysql-silent": Case(
        kind="mysql", server=silent, detail="Check that the server is running, and that it is MySQL"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_check_names_the_place_what_is_wrong_and_what_to_do(name: str) -> None:
    case = CASES[name]
    with case.server() as server:
        found = case.check(server)

    assert not found.ok
    assert server in found.detail
    assert case.detail in found.detail
    assert "5a9e04c1" not in found.detail
    assert "Exception" not in found.detail


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [("hive", LOGIN_REFUSED), ("mysql", ACCESS_DENIED), ("mysql", TOO_MANY), ("mysql", BLOCKED)],
    ids=["hive, login", "mysql, login", "mysql, too many", "mysql, blocked"],
)
def test_a_server_that_refuses_us_in_its_own_protocol_is_not_asked_what_it_speaks(
    kind: str, refusal: bytes
) -> None:
    clients: list[object] = []

    class Refusing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            clients.append(self.client_address)
            self.request.sendall(refusal)
            self.request.recv(1024)

    with listening(Refusing) as server:
        found = Case(kind=kind, server=closed_port, detail="").check(server)

    assert not found.ok
    assert len(clients) == 1


def test_a_server_near_us_is_not_asked_for_a_storage_that_may_only_be_far() -> None:
    with web(200) as server:
        host, _, port = server.rpartition(":")
        detail = [
            wrong_protocol_at(host, int(port), WIRE_PROTOCOL, reach) for reach in (Reach.ANY, Reach.FAR)
        ]

    assert detail == [f"The server at {server} {OF_MYSQL.format('HTTP')}", ""]


def test_a_directory_that_is_not_there_may_be_a_file_system_that_is_not_mounted(tmp_path: Path) -> None:
    found = NasStorage.from_url(f"nas://{tmp_path}/none", {"create": False}).check()

    assert found == Health(
        ok=False,
        detail=f"{tmp_path}/none cannot be listed: The storage's root directory cannot be opened: "
        "No such file or directory. Check that the file system is mounted.",
    )


@pytest.mark.parametrize(
    ("call", "deed"),
    [("scandir", "listed"), ("rename", "written"), ("pread", "read"), ("unlink", "deleted from")],
)
def test_what_the_account_may_not_do_in_a_directory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, deed: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    storage = NasStorage.from_url(f"nas://{tmp_path}", {})
    assert storage.check().ok
    # Root, who may run the tests, may do everything.
    monkeypatch.setattr(os, call, refuse)

    found = storage.check()

    assert (found.ok, found.detail) == (
        False,
        f"{tmp_path} cannot be {deed}: Permission denied: give the rights to the account that this process runs as.",
    )


def test_a_root_that_is_a_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationInvalid, match="Correct the URL, or mount the file system"):
        NasStorage.from_url(f"nas://{tmp_path}/file", {})
