"""Logging in to what is no HiveServer2, refuses, or never answers: each is told apart, in words and in time."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from storage_adapters.errors import ConfigurationInvalid, PermissionDenied, StorageError, StorageUnavailable
from storage_adapters.hive import HiveStorage

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that answers once, then only listens until the client hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)
                with suppress(OSError):
                    while connection.recv(65536):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"hive://user:long-secret@127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def refuse(connection: socket.socket) -> None:
    words = b"Error validating the login"
    connection.sendall(struct.pack(">BI", 3, len(words)) + words)


def speak_http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def say_nothing(_connection: socket.socket) -> None:
    return


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refuse, PermissionDenied, "refused the login: Error validating the login"),
        (speak_http, StorageError, "another protocol"),
        (say_nothing, StorageUnavailable, "in time"),
    ],
)
def test_each_failure_to_log_in_is_told_apart(answer: Answer, kind: type[StorageError], words: str) -> None:
    with server(answer) as url:
        storage = HiveStorage.from_url(url, {"connect_seconds": 1})
        health = storage.check()
    assert not health.ok
    assert words in health.detail
    assert "long-secret" not in health.detail


def test_a_server_that_speaks_http_is_told_apart_without_a_login_too() -> None:
    with server(speak_http) as url, pytest.raises(ConfigurationInvalid, match="port and 'login'"):
        list(HiveStorage.from_url(url, {"login": "nosasl", "stall_seconds": 1}).list_databases())
