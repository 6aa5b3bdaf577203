"""Names with % and + arrive as they are, however often the server decodes them where bytes are sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

import pytest

from storage_adapters.errors import NotSupported
from storage_adapters.hdfs.web import WebClient

FILES = {"/d/100%41": b"right", "/d/100A": b"wrong", "/d/a+b": b"right", "/d/%2f%/+x": b"right"}
NAMES = [name for name, data in FILES.items() if data == b"right"]


@contextmanager
def cluster(decodings: int, *, tells: bool = True) -> Iterator[tuple[str, list[str]]]:
    """A NameNode that redirects to a DataNode, which decodes the path so often; their URL, and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = unquote(url.path.removeprefix("/webhdfs/v1"))
            if not url.query.endswith("&datanode=1"):
                place = f"http://{self.headers['Host']}/webhdfs/v1{quote(name)}?{url.query}&datanode=1"
                self._answer(307, b"", Location=place)
                return
            for _ in range(decodings - 1):
                name = unquote(name)
            asked.append(name)
            refusal = {
                "exception": "FileNotFoundException",
                "message": f"no {name}" if tells else "no such file",
            }
            if name in FILES:
                self._answer(200, FILES[name])
            else:
                self._answer(404, json.dumps({"RemoteException": refusal}).encode())

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for header, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("decodings", [1, 2])
def test_a_name_is_read_and_no_other(decodings: int) -> None:
    with cluster(decodings) as (url, asked):
        client = WebClient([url])

        assert [client.read(name, [(0, 5)]) for name in NAMES] == [[b"right"]] * 3

        assert asked[1:] == NAMES, "it is asked once how it decodes"


def test_a_name_that_decoding_does_not_change_asks_nothing() -> None:
    with cluster(2) as (url, asked):
        assert WebClient([url]).read("/d/100A", [(0, 5)]) == [b"wrong"]

    assert asked == ["/d/100A"]


def test_a_server_that_does_not_tell_is_not_asked_for_such_a_name() -> None:
    with cluster(2, tells=False) as (url, _), pytest.raises(NotSupported, match="how it decodes names"):
        WebClient([url]).read("/d/100%41", [(0, 5)])
