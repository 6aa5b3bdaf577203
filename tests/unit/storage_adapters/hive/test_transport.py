"""What a server announces is believed only as far as it comes."""

import socket
import tracemalloc

import pytest

from storage_adapters.hive.transport import SocketTransport

ANNOUNCED_BYTES = 900 << 20


def test_memory_holds_what_came_and_not_what_was_announced() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        theirs.sendall(b"little")
        theirs.shutdown(socket.SHUT_WR)
        tracemalloc.start()
        try:
            with pytest.raises(ConnectionError):
                SocketTransport(ours).readAll(ANNOUNCED_BYTES)
            _, max_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert max_bytes < ANNOUNCED_BYTES / 10
