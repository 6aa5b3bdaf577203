"""Servers that reject every login: a MySQL and a Redis that accept no password."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class _MySql(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        packet = (
            b"\xff" + (1045).to_bytes(2, "little") + b"#28000Access denied for user 'u' (using password: YES)"
        )
        self.request.sendall(len(packet).to_bytes(3, "little") + b"\x00" + packet)


class _Redis(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        # A command is an array: its length, then a length and a word for each part.
        while head := self.rfile.readline():
            for _ in range(2 * int(head[1:])):
                self.rfile.readline()
            self.wfile.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    """A server on loopback with this handler; yields its address."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def refusing_mysql() -> AbstractContextManager[str]:
    """A server that rejects every login; yields its address."""
    return listening(_MySql)


def refusing_redis() -> AbstractContextManager[str]:
    """A server that rejects every login; yields its address."""
    return listening(_Redis)
