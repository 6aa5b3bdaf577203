"""Responses that their clients do not read: they hold little memory, and not for ever."""

import contextlib
import io
import os
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from datacenter.web import connections

SIZE_BYTES = 16 << 20
BUFFER_BYTES = 64 << 20
"""The least that may be set: 60 MiB without the part for heads."""


@pytest.fixture(scope="module")
def file(served) -> str:
    """The address of a file that no buffer of the system can hold."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.bin", os.urandom(SIZE_BYTES))
    return f"/api/v1/datasets/{served.bench.imported(buffer.getvalue(), name='unread').id}/files/a.bin"


@pytest.fixture
def asking(served, serving_on, file) -> Iterator[Callable[[], socket.socket]]:
    """Asks for the file with little memory in the system, and reads only the first line of the answer."""
    settings = served.bench.resources.settings
    own = settings.model_copy(
        update={"web": settings.web.model_copy(update={"port": 0, "buffer_bytes": BUFFER_BYTES})}
    )
    head = (
        f"GET {file} HTTP/1.1\r\nHost: x\r\nAuthorization: {served.client.headers['Authorization']}\r\n\r\n"
    )
    with serving_on(replace(served.bench.resources, settings=own)) as url, ExitStack() as opened:
        address = urlsplit(url)

        def ask() -> socket.socket:
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect((address.hostname, address.port))
            connection.sendall(head.encode())
            return connection

        ask.url = url  # type: ignore[attr-defined]  # of the same server
        yield ask


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(12).split()[1])


def test_unread_downloads_take_their_callers_share_of_the_memory(asking) -> None:
    statuses = [status_of(asking()) for _ in range(30)]

    # Two MiB for each, of a half of 60.
    assert statuses.count(200) == 15
    assert statuses.count(503) == 15
    assert httpx.get(f"{asking.url}/readyz").status_code == 200


def test_a_response_that_is_never_read_is_ended_and_its_memory_comes_back(asking, monkeypatch) -> None:
    monkeypatch.setattr(connections, "READER_SECONDS", 1)
    unread = [asking() for _ in range(15)]
    assert {status_of(connection) for connection in unread} == {200}

    end = time.monotonic() + 30
    while status_of(asking()) == 503:
        assert time.monotonic() < end
        time.sleep(0.2)

    received = 0
    with contextlib.suppress(ConnectionError):
        while data := unread[0].recv(1 << 20):
            received += len(data)
    assert received < SIZE_BYTES
