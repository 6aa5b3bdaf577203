"""Waiting for a server that may take long, with a check every second whether the caller still wants the answer."""

import socket
import time
from collections.abc import Callable
from typing import TypeAlias

Check: TypeAlias = Callable[[], None]
"""Called about every second of a wait; an exception that it raises ends the wait and is passed on."""

CHECK_SECONDS = 1.0


def never_cancelled() -> None:
    """The check of a caller that always waits to the end."""


def receive(connection: socket.socket, size: int, *, seconds: float, check: Check) -> bytes:
    """The next bytes, at most `size`; none at the end of the stream. The socket's timeout is `seconds` afterwards.

    Raises:
        TimeoutError: nothing arrived for `seconds`.
        OSError: the connection broke.
    """
    ends = time.monotonic() + seconds
    try:
        while True:
            connection.settimeout(max(0.001, min(CHECK_SECONDS, ends - time.monotonic())))
            try:
                return connection.recv(size)
            except TimeoutError:
                check()
                if time.monotonic() >= ends:
                    raise
    finally:
        if connection.fileno() != -1:
            connection.settimeout(seconds)
