"""What a WebHDFS server sends beyond what was asked for is not kept."""

from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from storage_adapters.errors import ServerUntrusted
from storage_adapters.hdfs.web import WebClient

SENT_BYTES = 64 << 20


class Flooding(ThreadingHTTPServer):
    """Answers every OPEN with far too much; by way of a redirect, as a NameNode does, or at once, as a gateway."""

    daemon_threads = True

    def __init__(self, *, redirects: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.redirects = redirects
        self.sent_whole = False


class _Handler(BaseHTTPRequestHandler):
    server: Flooding

    def do_GET(self) -> None:
        if self.server.redirects and "again" not in self.path:
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}{self.path}&again=1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(SENT_BYTES))
        self.end_headers()
        with suppress(OSError):
            for _ in range(SENT_BYTES >> 20):
                self.wfile.write(bytes(1 << 20))
            self.server.sent_whole = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(params=[True, False], ids=["redirected", "gateway"])
def server(request: pytest.FixtureRequest) -> Iterator[Flooding]:
    with Flooding(redirects=request.param) as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_server_that_sends_more_than_was_asked_for_is_left(server: Flooding) -> None:
    client = WebClient([f"http://127.0.0.1:{server.server_port}"], user="u")
    with pytest.raises(ServerUntrusted, match="more of the object"):
        client.read("/a", [(0, 10)])
    assert not server.sent_whole
