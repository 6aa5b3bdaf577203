"""A server that answers every request with one error, as the S3 tests need it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

Answering = Callable[[int, str], str]


def _answers(status: int, code: str) -> type[BaseHTTPRequestHandler]:
    body = f"<Error><Code>{code}</Code><Message>words of the server</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _refuse  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    return Handler


@pytest.fixture
def refusing() -> Iterator[Answering]:
    """Start a server that refuses with this status and code; its endpoint."""
    with ExitStack() as stack:

        def start(status: int, code: str) -> str:
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _answers(status, code)))
            thread = Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield start
