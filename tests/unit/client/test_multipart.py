"""Uploads in parts: large files go straight to the storage if it allows this, and by tus if not."""

import json
import re
from pathlib import Path
from threading import Lock

import httpx
import pytest

from datacenter.client import OtherFile, Problem, TransferFailed, uploads

PART = 1 << 20
TUS_ID, PARTS_ID = "by-tus", "by-parts"


class Servers:
    """A data centre and its storage. `answers` are statuses for the next PUTs, 0 breaks the connection half-way."""

    def __init__(
        self, *, links: bool = True, reach: bool | int = True, answers: list[int] | None = None
    ) -> None:
        self.links, self.reach = links, reach
        self.answers = list(answers or [])
        self.parts: dict[int, bytes] = {}
        self.size = 0
        self.completed = False
        self.requests: list[tuple[str, str]] = []
        self._lock = Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        if request.url.host == "storage":
            return self._storage(request)
        assert request.headers["Authorization"] == "Bearer dc_secret"
        if "multipart" not in request.url.path:
            return self._tus(request)
        path = request.url.path.partition("/multipart")[2]
        if path == "" and not self.links:
            return httpx.Response(422, json={"code": "NOT_SUPPORTED"})
        if path == "":
            self.size = json.loads(request.content)["size_bytes"]
        if path.endswith("/complete"):
            assert sorted(self.parts) == list(range(1, self._count + 1))
            self.completed = True
        if path.endswith("/parts") and self.completed:
            return httpx.Response(409, json={"code": "CONFLICT"})
        if path.endswith("/parts"):
            items = [{"number": n, "size_bytes": len(data), "etag": ""} for n, data in self.parts.items()]
            return httpx.Response(200, json={"items": items, "next": None})
        if found := re.search(r"/parts/(\d+)$", path):
            number = int(found[1])
            offset = (number - 1) * PART
            size = min(PART, self.size - offset)
            url = f"http://storage/{number}?signature=x"
            return httpx.Response(200, json={"url": url, "offset": offset, "size_bytes": size})
        if request.method == "DELETE":
            return httpx.Response(204)
        upload = {"id": PARTS_ID, "size_bytes": self.size, "parts": self._count, "completed": self.completed}
        return httpx.Response(200, json=upload)

    @property
    def _count(self) -> int:
        return -(-self.size // PART)

    def _storage(self, request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        if request.method == "HEAD":
            if not self.reach:
                raise httpx.ConnectError("no route to host")
            return httpx.Response(403 if self.reach is True else self.reach)
        with self._lock:
            status = self.answers.pop(0) if self.answers else 200
        body = b"".join(request.stream)  # type: ignore[arg-type]  # the client's streams are synchronous
        if not status or len(body) != int(request.headers["Content-Length"]):
            raise httpx.WriteError("connection lost")
        if status == 200:
            self.parts[int(request.url.path[1:])] = body
        return httpx.Response(status)

    def _tus(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": f"/api/v1/uploads/{TUS_ID}"})
        return httpx.Response(404)

    @property
    def content(self) -> bytes:
        """The joined file."""
        assert self.completed
        return b"".join(self.parts[number] for number in sorted(self.parts))


@pytest.fixture(autouse=True)
def large_files_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MULTIPART_FROM_BYTES", 2 * PART)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "数字.zip"
    path.write_bytes(bytes(range(256)) * 4 * 5 * 1024 + b"the rest")  # five parts and a little
    return path


def test_a_large_file_goes_to_the_storage_in_parts_without_the_token(client_of, archive):
    servers = Servers()
    seen: list[tuple[int, int]] = []

    upload_id = client_of(servers).uploads.send(archive, on_progress=lambda *progress: seen.append(progress))

    assert upload_id == PARTS_ID
    assert servers.content == archive.read_bytes()
    size = archive.stat().st_size
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (size, size)


@pytest.mark.parametrize("servers", [Servers(links=False), Servers(reach=False), Servers(reach=502)])
def test_a_storage_that_signs_no_links_or_is_out_of_reach_is_left_for_tus(client_of, archive, servers):
    assert client_of(servers).uploads.begin(archive) == TUS_ID

    begun = servers.links
    assert (("DELETE", f"/api/v1/uploads/multipart/{PARTS_ID}") in servers.requests) == begun


def test_a_small_file_does_not_even_ask(client_of, archive):
    archive.write_bytes(b"x" * (2 * PART - 1))
    servers = Servers()

    assert client_of(servers).uploads.begin(archive) == TUS_ID

    assert servers.requests == [("POST", "/api/v1/uploads")]


def test_parts_that_break_are_sent_again_and_progress_never_goes_back(client_of, archive):
    servers = Servers(answers=[0, 503, 500, 0, 429, 408])
    seen: list[int] = []

    client_of(servers).uploads.send(archive, on_progress=lambda done, _: seen.append(done))

    assert servers.content == archive.read_bytes()
    assert seen == sorted(seen)
    assert seen[-1] == archive.stat().st_size


def test_only_the_parts_that_are_missing_are_sent_by_whoever_goes_on(client_of, archive):
    servers = Servers()
    client = client_of(servers)
    upload_id = client.uploads.begin(archive)
    data = archive.read_bytes()
    servers.parts = {2: data[PART : 2 * PART], 6: data[5 * PART :]}
    assert client.uploads.offset(upload_id) == PART + len(b"the rest")

    client.uploads.resume(upload_id, archive)

    assert servers.content == data
    assert sorted(path for method, path in servers.requests if method == "PUT") == ["/1", "/3", "/4", "/5"]
    client.uploads.resume(upload_id, archive)
    assert client.uploads.offset(upload_id) == len(data)


def test_a_part_that_is_refused_ends_the_upload_with_the_reason(client_of, archive, pauses):
    servers = Servers(answers=[403] * 6)

    with pytest.raises(
        TransferFailed, match=r"part \d of 数字.zip could not be sent: the storage answered HTTP 403"
    ):
        client_of(servers).uploads.send(archive)

    assert pauses == []
    assert not servers.completed


def test_a_storage_that_stays_away_ends_the_upload_and_it_can_be_resumed_later(client_of, archive):
    servers = Servers(answers=[503] * 1000)
    client = client_of(servers)
    upload_id = client.uploads.begin(archive)
    with pytest.raises(TransferFailed, match="the storage answered HTTP 503"):
        client.uploads.resume(upload_id, archive)

    servers.answers.clear()
    client.uploads.resume(upload_id, archive)

    assert servers.content == archive.read_bytes()


def test_another_file_is_not_sent_under_an_uploads_id(client_of, archive, tmp_path):
    servers = Servers()
    client = client_of(servers)
    upload_id = client.uploads.begin(archive)
    other = tmp_path / "other.zip"
    other.write_bytes(b"x")

    with pytest.raises(OtherFile):
        client.uploads.resume(upload_id, other)

    assert servers.parts == {}


def test_a_file_that_changes_meanwhile_is_not_passed_off_as_one(client_of, archive):
    servers = Servers()

    def change(done: int, total: int) -> None:
        if not servers.parts:
            archive.write_bytes(bytes(total))

    with pytest.raises(TransferFailed, match="changed while"):
        client_of(servers).uploads.send(archive, on_progress=change)

    assert not servers.completed


def test_an_expired_upload_is_a_problem(client_of, archive):
    def expired(request: httpx.Request) -> httpx.Response:
        gone = "multipart" in request.url.path
        return httpx.Response(410, json={"code": "GONE"}) if gone else httpx.Response(404)

    with pytest.raises(Problem) as caught:
        client_of(expired).uploads.resume(PARTS_ID, archive)
    assert caught.value.code == "GONE"
