"""Clients that stop in the middle: of the headers, of a body, of a response."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from datacenter.web import connections

START = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def impatient(web, serving_on, monkeypatch) -> Iterator[Callable[..., contextmanager]]:
    """Connects to a server that waits for a second at most."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READER_SECONDS"):
        monkeypatch.setattr(connections, name, 1)
    with serving_on(web.resources) as url:
        host, port = url.removeprefix("http://").split(":")

        @contextmanager
        def connect() -> Iterator[socket.socket]:
            with socket.create_connection((host, int(port)), 30) as connection:
                yield connection

        yield connect


def answer_of(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            received += data
    return received


def begin(connection: socket.socket, method: str, path: str, token: str, *lines: str) -> None:
    head = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines, "\r\n"]
    connection.sendall("\r\n".join(head).encode())


def problem_of(answer: bytes) -> tuple[bytes, dict]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], json.loads(body)


def test_headers_that_are_never_complete_get_a_problem(impatient) -> None:
    with impatient() as connection:
        connection.sendall(START)
        line, problem = problem_of(answer_of(connection))

    assert line == b"HTTP/1.1 408 Request Timeout"
    assert problem["code"] == "REQUEST_TIMEOUT"


def test_headers_of_a_byte_a_moment_get_a_problem(impatient) -> None:
    with impatient() as connection:
        with contextlib.suppress(OSError):
            for _ in range(200):
                connection.sendall(b"\r\n")
                time.sleep(0.02)
        answer = answer_of(connection)

    assert answer == b"" or problem_of(answer)[1]["code"] == "REQUEST_TIMEOUT"


def test_a_silent_connection_is_closed(impatient) -> None:
    with impatient() as connection:
        assert answer_of(connection) == b""


@pytest.mark.parametrize("sent", [b"{", b""], ids=["begun", "nothing of it"])
def test_a_body_that_stands_still_gets_a_problem(impatient, web, sent: bytes) -> None:
    with impatient() as connection:
        begin(connection, "POST", "/api/v1/datasets", web.token, "Content-Length: 100")
        connection.sendall(sent)
        line, problem = problem_of(answer_of(connection))

    assert line == b"HTTP/1.1 408 Request Timeout"
    assert problem["code"] == "REQUEST_TIMEOUT"


def test_what_arrived_of_an_upload_that_stands_still_is_kept(impatient, web) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}
    address = web.client.post("/api/v1/uploads", headers=headers).headers["Location"]
    piece = ("Content-Length: 1000", "Upload-Offset: 0", "Tus-Resumable: 1.0.0")
    with impatient() as connection:
        begin(
            connection, "PATCH", address, web.token, *piece, "Content-Type: application/offset+octet-stream"
        )
        connection.sendall(b"x" * 600)
        assert answer_of(connection).startswith(b"HTTP/1.1 408 ")

    end = time.monotonic() + 10
    while web.client.head(address, headers=headers).headers["Upload-Offset"] != "600":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_body_that_is_announced_and_never_read_does_not_hold_the_connection(impatient) -> None:
    with impatient() as connection:
        connection.sendall(b"POST /api/v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_request_that_was_answered_is_followed_by_another_on_the_same_connection(impatient, web) -> None:
    with impatient() as connection:
        for _ in range(3):
            begin(connection, "GET", "/api/v1/jobs", web.token)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)


def test_pipelined_requests_are_answered_in_their_order(impatient, web) -> None:
    with impatient() as connection:
        for number in range(10):
            begin(connection, "GET", f"/api/v1/jobs/{number}", web.token)
        begin(connection, "GET", "/api/v1/jobs/last", web.token, "Connection: close")
        answer = answer_of(connection).decode()

    order = re.findall(r"there is no job (\w+)", answer)
    assert order == [*map(str, range(10)), "last"]


def test_a_hundred_pipelined_requests_are_too_many(impatient, web) -> None:
    with impatient() as connection:
        for _ in range(100):
            with contextlib.suppress(OSError):
                begin(connection, "GET", "/api/v1/jobs", web.token)
        answer = answer_of(connection)

    assert 0 < answer.count(b"HTTP/1.1 200 OK") <= connections.PIPELINED + 2


def test_connect_and_upgrades_are_no_requests_of_ours(impatient, web) -> None:
    with impatient() as connection:
        connection.sendall(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\nanything")
        assert answer_of(connection).startswith(b"HTTP/1.1 400 ")
    with impatient() as connection:
        connection.sendall(START + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nanything")
        answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_http_1_0_is_answered_and_closed(impatient) -> None:
    with impatient() as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_waits_for_100_continue_sends_its_body_then(impatient, web) -> None:
    with impatient() as connection:
        begin(connection, "POST", "/api/v1/datasets", web.token, "Content-Length: 2", "Expect: 100-continue")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 422 ")


def test_refusals_are_counted(web, impatient) -> None:
    with impatient() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 400 ")

    assert web.resources.metrics.requests.labels("OTHER", "unparsed", "4xx")._value.get() >= 1
    assert httpx.get(f"{web.url}/healthz").status_code == 200
