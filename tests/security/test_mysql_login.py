"""A MySQL server decides how a client logs in; one without a verified certificate never gets a readable password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.servers.rogue_mysql import HANDSHAKE, OK

from datacenter.settings.model import Settings
from datacenter.storages.allowed import with_safe_defaults
from storage_adapters.errors import StorageError
from storage_adapters.registry import open_tables

PASSWORD = "canary-of-the-password"
READABLE = ("mysql_clear_password", "dialog", "mysql_old_password")
SWITCHES = {
    "mysql_clear_password": b"\xfemysql_clear_password\x00",
    "dialog": b"\xfedialog\x00\x05Password: ",
    "mysql_old_password": b"\xfemysql_old_password\x00abcdefgh\x00",
    "the old way, without a name": b"\xfe",
}


class SwitchingServer(threading.Thread):
    """Answers every login with the wish for another way to log in, and keeps what it gets."""

    def __init__(self, switch: bytes) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._switch = switch
        self.port = self._listener.getsockname()[1]
        self.received = b""

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with suppress(OSError), client, client.makefile("rb") as stream:
                    client.settimeout(5)
                    self._send(client, 0, HANDSHAKE)
                    for answer in (self._switch, OK, OK, OK):
                        if len(head := stream.read(4)) < 4:
                            break
                        self.received += stream.read(int.from_bytes(head[:3], "little"))
                        self._send(client, head[3] + 1, answer)

    @staticmethod
    def _send(client: socket.socket, number: int, packet: bytes) -> None:
        client.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)

    def close(self) -> None:
        # A listener that is only closed leaves the thread in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join(10)


@pytest.fixture(params=SWITCHES.values(), ids=SWITCHES)
def server(request: pytest.FixtureRequest) -> Iterator[SwitchingServer]:
    server = SwitchingServer(request.param)
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize("tls", ["off", "preferred"])
def test_a_server_that_asks_for_the_password_does_not_get_it(server: SwitchingServer, tls: str) -> None:
    tables = open_tables("mysql", f"mysql://user@127.0.0.1:{server.port}", {"password": PASSWORD, "tls": tls})

    with pytest.raises(StorageError):
        list(tables.list_databases())
    assert PASSWORD.encode() not in server.received
    assert len(server.received) < 400


@pytest.mark.parametrize(
    ("environment", "given", "tls"),
    [("production", {}, "verify-identity"), ("production", {"tls": "off"}, "off"), ("development", {}, None)],
)
def test_registered_storages_verify_the_server_in_production(
    environment: str, given: dict[str, str], tls: str | None
) -> None:
    settings = Settings.model_construct(environment=environment)

    assert with_safe_defaults(settings, "mysql", given).get("tls") == tls
    assert with_safe_defaults(settings, "nas", {}) == {}
