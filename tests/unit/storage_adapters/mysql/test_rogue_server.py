"""A server that asks for a file of this machine gets none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers.rogue_mysql import RogueServer

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql import MysqlStorage


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("the content of the file")
    return path


@pytest.fixture
def server(secret: Path) -> Iterator[RogueServer]:
    rogue = RogueServer(secret)
    rogue.start()
    yield rogue
    rogue.close()


def test_a_server_that_asks_for_a_local_file_is_refused(server: RogueServer) -> None:
    storage = MysqlStorage.from_url(f"mysql://user:password@127.0.0.1:{server.port}", {"tls": "off"})
    with pytest.raises(ServerUntrusted, match="LOCAL INFILE"):
        list(storage.list_databases())
    server.join(10)
    assert any(packet.startswith(b"\x03SELECT") for packet in server.received)
    assert not any(b"the content" in packet for packet in server.received)
