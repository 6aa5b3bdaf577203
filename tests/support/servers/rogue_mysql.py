"""A MySQL server that asks its clients for a file of their machine, as LOCAL INFILE allows a server to."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

OK = b"\x00\x00\x00\x02\x00\x00\x00"
HANDSHAKE = (
    (b"\x0a8.0.0\x00" + (1).to_bytes(4, "little") + b"abcdefgh\x00")
    + (b"\xff\xf7" + b"\x2d" + b"\x02\x00" + b"\x0f\x00" + bytes([21]) + bytes(10))
    + (b"ijklmnopqrst\x00" + b"mysql_native_password\x00")
)
SELECTS = (b"\x03SELECT", b"\x16SELECT")
"""The commands for a query and for a prepared query."""


class RogueServer(threading.Thread):
    """Accepts every login and answers each SELECT with a request for the file."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._demand = b"\xfb" + str(file).encode()
        self.received: list[bytes] = []

    def run(self) -> None:
        client, _ = self._listener.accept()
        # A client that disconnects here is what the tests expect.
        with suppress(ConnectionError), client, client.makefile("rb") as stream:
            client.settimeout(10)
            self._send(client, 0, HANDSHAKE)
            while head := stream.read(4):
                packet = stream.read(int.from_bytes(head[:3], "little"))
                self.received.append(packet)
                wants = packet.startswith(SELECTS)
                self._send(client, head[3] + 1, self._demand if wants else OK)

    @staticmethod
    def _send(client: socket.socket, number: int, packet: bytes) -> None:
        client.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)

    def close(self) -> None:
        """Stop listening and wait for the conversation to end."""
        self.join(10)
        self._listener.close()
