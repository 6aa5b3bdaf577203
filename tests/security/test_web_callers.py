"""What one token holds open leaves memory and slots for everybody else."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from support.servers.web_process import MIB, TUS, WebProcess, send_all, web_process

pytestmark = pytest.mark.timeout(300)
GROWTH_BYTES = 192 * MIB
"""A token gets half of the 256 MiB that one web process buffers; a growing buffer has room to spare."""
SLOW = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebProcess]:
    with web_process(tmp_path) as served:
        yield served


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Connections that are closed after the test."""
    with ExitStack() as stack:
        yield stack


def begin(connection: socket.socket, method: str, path: str, token: str, **headers: str) -> None:
    """Send the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "\r\n"]).encode())


def status_of(connection: socket.socket) -> int:
    """The status of the response that begins."""
    return int(connection.makefile("rb").readline().split()[1])


def uploads_of(client: httpx.Client, count: int, size_bytes: int) -> list[str]:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size_bytes)}
    return [client.post("/api/v1/uploads", headers=headers).headers["Location"] for _ in range(count)]


def test_slow_pieces_of_uploads_take_their_tokens_share_of_the_memory_and_others_upload(
    server: WebProcess, opened: ExitStack
) -> None:
    token, other = server.token(), server.token("other")
    with server.client(token) as client:
        addresses = uploads_of(client, SLOW, 64 * MIB)
    before = server.resident_bytes()
    server.forget_peak()
    for address in addresses:
        slow = opened.enter_context(server.connect())
        begin(
            slow, "PATCH", address, token, Content_Length=str(64 * MIB), Upload_Offset="0",
            Tus_Resumable="1.0.0", Content_Type="application/offset+octet-stream",
        )  # fmt: skip
        send_all(slow, [b"x" * (8 * MIB - 1)])

    with server.client(other) as client:
        (address,) = uploads_of(client, 1, 20 * MIB)
        sent = client.patch(address, headers={**TUS, "Upload-Offset": "0"}, content=b"x" * (20 * MIB))

    assert sent.status_code == 204, sent.text
    assert server.peak_bytes() - before < GROWTH_BYTES


def test_unfinished_json_bodies_take_their_tokens_share_of_the_memory_and_others_send_theirs(
    server: WebProcess, opened: ExitStack
) -> None:
    token, other = server.token(), server.token("other")
    before = server.resident_bytes()
    server.forget_peak()
    answered = 0
    for _ in range(SLOW):
        slow = opened.enter_context(server.connect())
        begin(slow, "POST", "/api/v1/datasets", token, Content_Length=str(4 * MIB))
        send_all(slow, [b'{"name": "' + b"x" * (4 * MIB - 100)])
        slow.settimeout(0.2)
        try:
            answered += status_of(slow) == 503
        except TimeoutError:
            continue

    with server.client(other) as client:
        whole = client.post("/api/v1/datasets", content=b'{"name": "' + b"x" * (3 * MIB) + b'"}')
        assert whole.status_code == 422

    assert answered > SLOW // 2
    assert server.peak_bytes() - before < GROWTH_BYTES


@pytest.mark.parametrize("value", ["{}", "[]", "0", '""', '{"":{}}'])
def test_json_that_unfolds_in_memory_is_refused_before_it_does(server: WebProcess, value: str) -> None:
    body = "[" + f"{value}," * (3 * MIB // (len(value) + 1)) + value + "]"
    with server.client(server.token()) as client:
        client.get("/api/v1/jobs")
        before = server.resident_bytes()
        server.forget_peak()
        answer = client.post("/api/v1/datasets", content=body)

    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert server.peak_bytes() - before < 32 * MIB


def test_a_thousand_event_streams_of_one_token_leave_everybody_else_theirs(
    server: WebProcess, opened: ExitStack
) -> None:
    token, sibling, other = server.token(), server.token(), server.token("other")
    operator = server.token("third", operator=True)
    with server.client(token) as client:
        events = f"/api/v1/jobs/{unfinished_job(client)}/events"
    statuses = []
    for _ in range(1020):
        stream = opened.enter_context(server.connect())
        begin(stream, "GET", events, token)
        statuses.append(status_of(stream))

    assert statuses.count(200) == 100
    assert statuses.count(503) == 920
    for path in ("/healthz", "/readyz"):
        assert httpx.get(f"{server.url}{path}", trust_env=False).status_code == 200
    for free in (token, sibling, other, operator):
        with server.client(free) as client:
            assert client.get("/api/v1/datasets").status_code == 200
            job = unfinished_job(client)
            with client.stream("GET", f"/api/v1/jobs/{job}/events") as watched:
                assert watched.status_code == (503 if free == token else 200)


def unfinished_job(client: httpx.Client) -> str:
    """A job that waits for a worker."""
    headers = {**TUS, "Upload-Length": "2"}
    upload = client.post("/api/v1/uploads", headers=headers, content=b"PK").headers["Location"]
    body = {"name": json.dumps(client.headers["Authorization"])[-9:-1], "source": {"upload": upload[-36:]}}
    body["name"] += str(len(client.get("/api/v1/jobs").json()["items"]))
    answer = client.post("/api/v1/datasets", json=body)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["job"]["id"]
    return job
