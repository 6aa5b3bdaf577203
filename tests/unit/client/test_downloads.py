"""Downloads: a file appears whole or not at all, and a broken transfer continues from its last byte."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from datacenter.client import Problem, TransferFailed
from datacenter.client.downloads import READ_BYTES

CONTENT = bytes(range(256)) * 4 * 4000  # 3.9 MiB
URL = "http://elsewhere/d/token"


class FileServer:
    """Serves one file with ranges; breaks the connection of each request after the number of bytes in `breaks`."""

    def __init__(self, breaks: list[int] | None = None, *, etag: str | None = '"one"') -> None:
        self.content = CONTENT
        self.etag = etag
        self.breaks = list(breaks or [])
        self.ranges: list[str | None] = []
        self.tokens: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        self.tokens.append(request.headers.get("Authorization"))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted and request.headers.get("If-Range") != self.etag:
            start = 0
        size = len(self.content)
        if start >= size:
            return httpx.Response(416, headers={"Content-Range": f"bytes */{size}"})
        headers = {"ETag": self.etag} if self.etag else {}
        headers["Content-Length"] = str(size - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return httpx.Response(
            206 if start else 200, headers=headers, stream=Breaking(self.content[start:], self.breaks)
        )


class Breaking(httpx.SyncByteStream):
    def __init__(self, content: bytes, breaks: list[int]) -> None:
        self._content = content
        self._stop = breaks.pop(0) if breaks else None

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), 65536):
            if self._stop is not None and start >= self._stop:
                raise httpx.ReadError("connection lost")
            yield self._content[start : start + 65536]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "archive.zip"


def names_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_is_fetched_without_the_token_and_nothing_else_is_left(client_of, target):
    server = FileServer()

    client_of(server).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT
    assert names_beside(target) == ["archive.zip"]
    assert server.tokens == [None]


def test_a_broken_transfer_is_resumed_by_range(client_of, target):
    server = FileServer(breaks=[2 * READ_BYTES, READ_BYTES])

    client_of(server).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={2 * READ_BYTES}-", f"bytes={3 * READ_BYTES}-"]


def test_an_interrupted_transfer_is_resumed_by_the_next_call(client_of, target):
    server = FileServer()

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client_of(server).downloads.fetch(URL, target, on_progress=interrupt)
    assert names_beside(target) == ["archive.zip.part", "archive.zip.part.etag"]

    client_of(server).downloads.fetch(URL, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={READ_BYTES}-"


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(client_of, target):
    server = FileServer(breaks=[2 * READ_BYTES])
    served = server.__call__

    def handler(request: httpx.Request) -> httpx.Response:
        response = served(request)
        server.content, server.etag = CONTENT[::-1], '"two"'
        return response

    client_of(handler).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_bytes_without_a_strong_etag_are_never_joined(client_of, target, etag):
    server = FileServer(breaks=[2 * READ_BYTES], etag=etag)

    client_of(server).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_part_that_was_whole_already_needs_no_more_bytes(client_of, target):
    target.with_name("archive.zip.part").write_bytes(CONTENT)
    target.with_name("archive.zip.part.etag").write_text('"one"')

    client_of(FileServer()).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT
    assert names_beside(target) == ["archive.zip"]


def test_a_part_longer_than_the_file_is_thrown_away(client_of, target):
    target.with_name("archive.zip.part").write_bytes(CONTENT + b"more")
    target.with_name("archive.zip.part.etag").write_text('"one"')

    client_of(FileServer()).downloads.fetch(URL, target)

    assert target.read_bytes() == CONTENT


def test_a_transfer_that_stands_still_fails_and_keeps_its_part(client_of, target):
    server = FileServer(breaks=[READ_BYTES] + [0] * 20)

    with pytest.raises(TransferFailed, match=f"stopped at {READ_BYTES} bytes"):
        client_of(server).downloads.fetch(URL, target)

    assert not target.exists()
    assert target.with_name("archive.zip.part").stat().st_size == READ_BYTES


def test_an_expired_link_is_a_problem_and_leaves_nothing(client_of, target, pauses):
    with pytest.raises(Problem) as caught:
        client_of(lambda _: httpx.Response(410, json={"code": "GONE"})).downloads.fetch(URL, target)

    assert caught.value.code == "GONE"
    assert pauses == []
    assert names_beside(target) == []


def test_a_host_that_never_answers_is_named_and_not_waited_for_long(client_of, pauses, tmp_path):
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(TransferFailed, match=r"from rgw:7480 stopped at 0 bytes: connection refused"):
        client_of(refuse).downloads.fetch("http://rgw:7480/bucket/a.zip", tmp_path / "a.zip")

    assert len(pauses) == 3
