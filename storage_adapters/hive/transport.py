"""Transport: a socket with a deadline, TLS and a login, with Thrift's interface."""

import socket
from typing import Any

from impala.sasl_compat import PureSASLClient
from thrift.transport.TTransport import TBufferedTransport, TTransportBase
from thrift_sasl import TSaslClientTransport

from storage_adapters.errors import ServerUntrusted
from storage_adapters.hive.options import HiveOptions
from storage_adapters.network.reach import Reach, refuse_near
from storage_adapters.network.tls import tls_context
from storage_adapters.network.waiting import Check, never_cancelled, receive

_READ_BYTES = 1024 * 1024
_MAX_MESSAGE_BYTES = 1024 * 1024 * 1024
"""The longest message. A server of another protocol seems to announce a longer one: `HTTP` is 1.2 GB."""


class SocketTransport(TTransportBase):  # type: ignore[misc]  # thrift publishes no type information
    """A connected socket. Thrift's own hides errors, and reads long messages slowly."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._seconds = float(connection.gettimeout() or 0)
        self.check: Check = never_cancelled
        """Called about every second that a read waits."""

    def isOpen(self) -> bool:  # noqa: N802 - Thrift's name
        """Whether it is open."""
        return self._socket.fileno() != -1

    def open(self) -> None:
        """Nothing: it is open."""

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def settimeout(self, seconds: float) -> None:
        """How long one read or write may wait."""
        self._seconds = seconds
        self._socket.settimeout(seconds)

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`. Raises: OSError."""
        data = receive(self._socket, size, seconds=self._seconds, check=self.check)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def readAll(self, size: int) -> bytes:  # noqa: N802 - Thrift's name
        """Exactly `size` bytes. Raises: OSError, ServerUntrusted."""
        if size > _MAX_MESSAGE_BYTES:
            raise ServerUntrusted(
                "The server does not speak HiveServer2's binary protocol: correct the port."
            )
        # Memory grows with the bytes that arrive, not with the announced length.
        data = bytearray()
        while len(data) < size:
            data += self.read(min(size - len(data), _READ_BYTES))
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send all of it. Raises: OSError."""
        self._socket.sendall(data)

    def flush(self) -> None:
        """Nothing: nothing is buffered."""


def open_transport(options: HiveOptions) -> tuple[Any, SocketTransport]:
    """What Thrift's protocol reads and writes, logged in, and the socket below it.

    Raises:
        OSError, TTransportException: no connection, or no login.
        AddressRefused
    """
    connection = socket.create_connection((options.host, options.port), options.connect_seconds)
    try:
        if options.reach == Reach.FAR:
            refuse_near(connection)
        if options.tls != "off":
            context = tls_context(options.tls, ca=options.tls_ca)
            connection = context.wrap_socket(connection, server_hostname=options.host)
        wire = SocketTransport(connection)
        transport = _login(options, wire)
        transport.open()
    except BaseException:
        connection.close()
        raise
    wire.settimeout(options.stall_seconds)
    return transport, wire


def _login(options: HiveOptions, wire: SocketTransport) -> Any:
    if options.login == "nosasl":
        return TBufferedTransport(wire, _READ_BYTES)

    def client() -> Any:
        # The server requires a password even if it accepts any.
        return PureSASLClient(options.host, username=options.user, password=options.password or "none")

    return TSaslClientTransport(client, "PLAIN", wire)
