"""Strangers: servers that speak another protocol than that of the storage that was looked for at their address."""

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

_ANSWERS: Mapping[str, re.Pattern[bytes]] = {
    HADOOP: re.compile(rb"HTTP/.*Hadoop IPC port", re.DOTALL),
    "HTTP": re.compile(rb"HTTP/"),
    "SSH": re.compile(rb"SSH-"),
    "AMQP": re.compile(rb"AMQP"),
    "the protocol of Redis": re.compile(rb"-(ERR|NOAUTH|DENIED) "),
    MYSQL: re.compile(rb"...\0(\n|\xff)", re.DOTALL),
}
"""How servers begin that are greeted in HTTP; the first row that fits counts.

Source: RFC 9112, RFC 4253, AMQP 0-9-1, RESP; the first packet of MySQL; what a Hadoop server says to a browser.
"""
_QUESTION = b"GET / HTTP/1.0\r\n\r\n"
_LONGEST_BYTES = 1024
_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """What a storage's servers speak, and the port on which they usually do."""

    protocol: str
    usual_port: int


def stranger_at(host: str, port: int, due: Spoken, reach: str = Reach.ANY) -> str:
    """What to tell of a server that speaks otherwise; nothing if it does not, or if that cannot be told."""
    with suppress(OSError, AddressRefused), socket.create_connection((host, port), _SECONDS) as connection:
        if reach == Reach.FAR:
            refuse_near(connection)
        return stranger_on(connection, f"{host}:{port}", due)
    return ""


def stranger_on(connection: socket.socket, address: str, due: Spoken) -> str:
    """The same of a new connection, which is of no use afterwards."""
    answer = _answer(connection)
    spoken = next((name for name, begin in _ANSWERS.items() if begin.match(answer)), due.protocol)
    if spoken == due.protocol:
        return ""
    return (
        f"What answers at {address} speaks {spoken}, not {due.protocol}: "
        f"correct the port, which is usually {due.usual_port}."
    )


def _answer(connection: socket.socket) -> bytes:
    """What comes until the server is done, or the time or the space is used up."""
    answer, ends = b"", time.monotonic() + _SECONDS
    with suppress(OSError):
        connection.settimeout(_SECONDS)
        connection.sendall(_QUESTION)
        while len(answer) < _LONGEST_BYTES and (left := ends - time.monotonic()) > 0:
            connection.settimeout(left)
            piece = connection.recv(_LONGEST_BYTES)
            if not piece:
                break
            answer += piece
    return answer
