"""What one anonymous client sends before its request is complete takes neither the memory nor the time of the others."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, islice, repeat
from pathlib import Path

import httpx
import pytest
from support.servers.web_process import MIB, WebProcess, answer_of, send_all, web_process

from datacenter.web import connections
from datacenter.web.server import OPEN_CONNECTIONS

pytestmark = [pytest.mark.timeout(300), pytest.mark.real]
FLOOD_BYTES = 100 * MIB
GROWTH_BYTES = 32 * MIB
PIECE = 64 << 10
START = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"PATCH /api/v1/uploads/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with web_process(tmp_path_factory.mktemp("heads")) as served:
        for _ in range(50):
            httpx.get(f"{served.url}/readyz", trust_env=False)
        yield served


def endless(piece: bytes) -> Iterator[bytes]:
    """This piece again and again, as one flood."""
    return islice(repeat(piece * (PIECE // len(piece) or 1)), FLOOD_BYTES // PIECE)


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "small headers": lambda: chain([START], endless(b"a: b\r\n")),
    "headers without a value": lambda: chain([START], endless(b"a:\r\n")),
    "many header lines of 1 KiB": lambda: chain([START], endless(b"a: " + b"b" * 1024 + b"\r\n")),
    "one long header value": lambda: chain([START, b"a: "], endless(b"b")),
    "one long header name": lambda: chain([START], endless(b"a")),
    "spaces before a value": lambda: chain([START, b"a:"], endless(b" ")),
    "a long address": lambda: chain([b"GET /"], endless(b"a")),
    "many query parameters": lambda: chain([b"GET /healthz?"], endless(b"a=b&")),
    "empty lines": lambda: endless(b"\r\n"),
    "a long method": lambda: endless(b"G"),
    "no HTTP": lambda: endless(b"\x00\xff"),
    "chunk extensions": lambda: chain([CHUNKED, b"1;"], endless(b"a=b;")),
    "zeros of a chunk's size": lambda: chain([CHUNKED], endless(b"0")),
    "trailers": lambda: chain([CHUNKED, b"0\r\n"], endless(b"a: b\r\n")),
    "one long trailer": lambda: chain([CHUNKED, b"0\r\na: "], endless(b"b")),
    "pipelined requests": lambda: endless(START + b"\r\n"),
    "pipelined requests behind a slow one": lambda: chain([CHUNKED, b"0\r\n\r\n"], endless(START + b"\r\n")),
    "the body of a request that is refused": lambda: chain(
        [b"POST /api/v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"], endless(b"b")
    ),
    "HTTP/1.0": lambda: chain([b"GET /healthz HTTP/1.0\r\n"], endless(b"a: b\r\n")),
    "CONNECT": lambda: chain([b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"], endless(b"b")),
    "another protocol": lambda: chain([START, b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"], endless(b"b")),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_before_a_request_is_complete_takes_no_memory(server: WebProcess, flood: str) -> None:
    before = server.resident_bytes()
    server.forget_peak()
    ended = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not ended.is_set():
            answers.append(httpx.get(f"{server.url}/readyz", trust_env=False, timeout=20).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    sent = connected = 0
    while sent < FLOOD_BYTES and connected < 200:
        with server.connect() as connection:
            sent += send_all(connection, FLOODS[flood]())
        connected += 1
    ended.set()
    asking.join()

    assert server.peak_bytes() - before < GROWTH_BYTES
    assert set(answers) == {200}


@pytest.mark.parametrize(
    ("head", "limit"),
    [
        (b"GET /" + b"a" * connections.REQUEST_LINE_BYTES, "the request line"),
        (START + b"a: " + b"b" * connections.HEADER_BYTES, "a header"),
        (START + (b"a: " + b"b" * 1024 + b"\r\n") * 40, "all headers together"),
        (START + b"a:\r\n" * (connections.HEADERS + 1), "headers"),
        (START + b"a:" + b" " * 2 * connections.FRUITLESS_BYTES, "bytes without a complete header or a body"),
    ],
    ids=["line", "header", "headers", "number", "spaces"],
)
def test_a_head_that_is_too_large_is_a_problem_and_the_connection_closed(
    server: WebProcess, head: bytes, limit: str
) -> None:
    with server.connect() as connection:
        connection.sendall(head + b" HTTP/1.1\r\n\r\n")
        answer = answer_of(connection)

    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 431 ")
    assert b"Content-Type: application/problem+json" in start
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (431, "REQUEST_HEADER_FIELDS_TOO_LARGE")
    assert problem["detail"].startswith(f"{limit}: at most ")


def test_a_head_just_below_every_limit_is_served(server: WebProcess) -> None:
    filler = b"".join(b"a%03d: %s\r\n" % (number, b"b" * 200) for number in range(connections.HEADERS - 6))
    line = b"GET /healthz?" + b"a" * (connections.REQUEST_LINE_BYTES - 200)
    with server.connect() as connection:
        connection.sendall(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + filler + b"\r\n")
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_requests_before_one_that_is_too_large_are_answered(server: WebProcess) -> None:
    with server.connect() as connection:
        connection.sendall((START + b"\r\n") * 3 + START + b"a: " + b"b" * 100_000)
        answer = answer_of(connection)

    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b"<" not in answer


def test_a_trailer_is_no_header(server: WebProcess) -> None:
    token = server.token()
    with server.connect() as connection:
        connection.sendall(
            b"POST /api/v1/datasets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Connections that are closed after the test."""
    with ExitStack() as stack:
        yield stack


def test_slow_heads_are_ended_and_take_neither_memory_nor_connections(
    tmp_path: Path, opened: ExitStack
) -> None:
    with web_process(tmp_path) as server:
        httpx.get(f"{server.url}/readyz", trust_env=False)
        before, files = server.resident_bytes(), server.open_files()
        slow = [opened.enter_context(server.connect()) for _ in range(300)]
        idle = [opened.enter_context(server.connect()) for _ in range(300)]
        assert {send_all(each, [START]) for each in slow} == {len(START)}
        end = time.monotonic() + 5 * connections.HEAD_SECONDS
        while slow and time.monotonic() < end:
            slow = [each for each in slow if send_all(each, [b"a"])]
            assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
            time.sleep(1)

        assert not slow
        assert answer_of(idle[0]) == b""
        assert server.resident_bytes() - before < GROWTH_BYTES
        while server.open_files() > files + 10:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_one_address_cannot_take_all_connections(tmp_path: Path, opened: ExitStack) -> None:
    with web_process(tmp_path) as server:
        for _ in range(OPEN_CONNECTIONS // connections.CLIENT_SHARE):
            opened.enter_context(server.connect())
        refused = opened.enter_context(server.connect())

        assert b'"code": "TOO_BUSY"' in answer_of(refused)
        with server.client(address="127.0.0.2") as other:
            assert other.get("/readyz").status_code == 200


def test_a_proxy_may_open_more_connections_than_one_client(tmp_path: Path, opened: ExitStack) -> None:
    with web_process(tmp_path, WEB__TRUSTED_PROXIES='["127.0.0.0/8"]') as server:
        for _ in range(OPEN_CONNECTIONS // connections.CLIENT_SHARE):
            opened.enter_context(server.connect())

        with server.client() as client:
            assert client.get("/readyz").status_code == 200
