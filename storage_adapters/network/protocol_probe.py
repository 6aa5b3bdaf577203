"""Protocol probe: which protocol answers at an address, where it may not be the one that the storage speaks."""

import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from storage_adapters.errors import AddressRefused
from storage_adapters.network.reach import Reach, refuse_near

HADOOP = "Hadoop's RPC"
MYSQL = "MySQL's protocol"

_FIRST_BYTES: Mapping[str, re.Pattern[bytes]] = {
    HADOOP: re.compile(rb"HTTP/.*Hadoop IPC port", re.DOTALL),
    "HTTP": re.compile(rb"HTTP/"),
    "SSH": re.compile(rb"SSH-"),
    "AMQP": re.compile(rb"AMQP"),
    "the protocol of Redis": re.compile(rb"-(ERR|NOAUTH|DENIED) "),
    MYSQL: re.compile(rb"...\0(\n|\xff)", re.DOTALL),
}
"""How a server's answer to an HTTP request begins, by its protocol; the first row that matches counts.

Source: RFC 9112, RFC 4253, AMQP 0-9-1, RESP; the first packet of MySQL; what a Hadoop server says to a browser.
"""
_REQUEST = b"GET / HTTP/1.0\r\n\r\n"
_MAX_BYTES = 1024
_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WireProtocol:
    """The protocol of a storage's servers, and the port at which they usually listen."""

    name: str
    usual_port: int


def wrong_protocol_at(host: str, port: int, expected: WireProtocol, reach: str = Reach.ANY) -> str:
    """The message about a server that speaks another protocol; empty if it does not, or cannot be identified."""
    with suppress(OSError, AddressRefused), socket.create_connection((host, port), _SECONDS) as connection:
        if reach == Reach.FAR:
            refuse_near(connection)
        return wrong_protocol_on(connection, f"{host}:{port}", expected)
    return ""


def wrong_protocol_on(connection: socket.socket, address: str, expected: WireProtocol) -> str:
    """The same for a new connection, which is of no use afterwards."""
    answer = _read_answer(connection)
    found = next((name for name, begin in _FIRST_BYTES.items() if begin.match(answer)), expected.name)
    if found == expected.name:
        return ""
    return (
        f"The server at {address} speaks {found}, not {expected.name}: "
        f"correct the port, which is usually {expected.usual_port}."
    )


def _read_answer(connection: socket.socket) -> bytes:
    """What the server sends until it ends, or until the limit of time or bytes is reached."""
    answer, ends = b"", time.monotonic() + _SECONDS
    with suppress(OSError):
        connection.settimeout(_SECONDS)
        connection.sendall(_REQUEST)
        while len(answer) < _MAX_BYTES and (left := ends - time.monotonic()) > 0:
            connection.settimeout(left)
            piece = connection.recv(_MAX_BYTES)
            if not piece:
                break
            answer += piece
    return answer
