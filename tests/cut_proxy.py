"""A proxy for one server that can be cut: whoever speaks through it sees a server that dies in the middle."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit


class CutProxy:
    """Forwards connections from a port of its own until `cut`; then every one of them breaks."""

    host = "127.0.0.1"

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server((self.host, 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    @classmethod
    @contextmanager
    def before(cls, url: str) -> Iterator[Self]:
        """A proxy before the server of the URL."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        proxy = cls((parts.hostname, parts.port))
        threading.Thread(target=proxy._accept, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.cut()

    def cut(self) -> None:
        """Break all connections and take no new one; twice does no harm."""
        for connection in (self._listener, *self._open):
            with suppress(OSError):  # it may be closed already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=(source, sink), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
