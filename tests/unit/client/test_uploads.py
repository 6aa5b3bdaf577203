"""Uploads: only what has not arrived is sent again."""

import base64
from pathlib import Path

import httpx
import pytest

from datacenter.client import OtherFile, Problem, TransferFailed
from datacenter.client.local_file import READ_BYTES


class TusServer:
    """Keeps what arrives; breaks the connection after the byte counts in `breaks`."""

    def __init__(self, breaks: list[int] | None = None) -> None:
        self.received = bytearray()
        self.size = 0
        self.filename = ""
        self.requests: list[str] = []
        self.breaks = list(breaks or [])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.method)
        assert request.headers["Tus-Resumable"] == "1.0.0"
        if request.method == "POST":
            self.size = int(request.headers["Upload-Length"])
            self.filename = base64.b64decode(request.headers["Upload-Metadata"].split()[1]).decode()
            return httpx.Response(201, headers={"Location": "http://centre/api/v1/uploads/u1"})
        if request.method == "HEAD":
            headers = {"Upload-Offset": str(len(self.received)), "Upload-Length": str(self.size)}
            return httpx.Response(200, headers=headers)
        if int(request.headers["Upload-Offset"]) != len(self.received):
            return httpx.Response(409)
        body = request.read()
        if self.breaks:
            self.received += body[: self.breaks.pop(0)]
            raise httpx.ReadError("connection lost")
        self.received += body
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.received))})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "数字.zip"
    path.write_bytes(bytes(range(256)) * 4 * 2500)  # 2.4 MiB
    return path


def test_a_file_arrives_whole_with_its_name(client_of, archive):
    server = TusServer()

    assert client_of(server).uploads.send(archive) == "u1"

    assert bytes(server.received) == archive.read_bytes()
    assert server.filename == "数字.zip"


def test_an_empty_file_needs_no_patch(client_of, tmp_path):
    empty = tmp_path / "empty.zip"
    empty.touch()
    server = TusServer()

    client_of(server).uploads.send(empty)

    assert "PATCH" not in server.requests


def test_a_broken_connection_is_resumed_from_what_the_server_kept(client_of, archive):
    server = TusServer(breaks=[1000, 700_001])
    seen = []

    client_of(server).uploads.send(archive, on_progress=lambda done, total: seen.append((done, total)))

    assert bytes(server.received) == archive.read_bytes()
    assert seen[-1] == (archive.stat().st_size, archive.stat().st_size)


def test_a_lost_answer_does_not_send_anything_twice(client_of, archive):
    server = TusServer(breaks=[10_000_000])  # all of it arrives, the answer does not

    client_of(server).uploads.send(archive)

    assert server.requests.count("PATCH") == 1
    assert bytes(server.received) == archive.read_bytes()


def test_an_upload_that_stands_still_fails_with_its_id_and_can_be_resumed_later(client_of, archive):
    server = TusServer(breaks=[5000] + [0] * 20)

    with pytest.raises(TransferFailed, match=r"stopped at 5000 of .* its id is u1"):
        client_of(server).uploads.send(archive)

    server.breaks.clear()
    client_of(server).uploads.resume("u1", archive)
    assert bytes(server.received) == archive.read_bytes()


def test_an_upload_is_not_resumed_with_a_file_of_another_size(client_of, archive, tmp_path):
    server = TusServer(breaks=[5000] + [0] * 20)
    with pytest.raises(TransferFailed):
        client_of(server).uploads.send(archive)
    other = tmp_path / "other.zip"
    other.write_bytes(b"x" * 5000)

    with pytest.raises(OtherFile, match=r"u1 was begun with a file of 2560000 bytes; .*other\.zip has 5000"):
        client_of(server).uploads.resume("u1", other)

    assert len(server.received) == 5000


def test_a_file_that_changes_meanwhile_is_not_passed_off_as_one(client_of, archive):
    server = TusServer()

    def change(done: int, total: int) -> None:
        if done == READ_BYTES:
            archive.write_bytes(b"other" * 600_000)

    with pytest.raises(TransferFailed, match="changed while"):
        client_of(server).uploads.send(archive, on_progress=change)


def test_an_expired_upload_is_a_problem_and_not_repeated(client_of, archive, pauses):
    with pytest.raises(Problem) as caught:
        client_of(lambda _: httpx.Response(410, json={"code": "GONE"})).uploads.resume("u1", archive)

    assert caught.value.code == "GONE"
    assert pauses == []
