"""Waiting for a server that may think for long, with a look every second at whether its answer is still wanted."""

import socket
import time
from collections.abc import Callable
from typing import TypeAlias

Check: TypeAlias = Callable[[], None]
"""Called about every second of a wait; what it raises ends the wait and comes out."""

LOOK_SECONDS = 1.0


def always_wanted() -> None:
    """The check of whoever waits to the end."""


def receive(connection: socket.socket, size: int, *, seconds: float, check: Check) -> bytes:
    """What comes next, at most `size` bytes; nothing at the end. The socket's timeout is `seconds` afterwards.

    Raises:
        TimeoutError: nothing came for so many seconds.
        OSError: the connection broke.
    """
    ends = time.monotonic() + seconds
    try:
        while True:
            connection.settimeout(max(0.001, min(LOOK_SECONDS, ends - time.monotonic())))
            try:
                return connection.recv(size)
            except TimeoutError:
                check()
                if time.monotonic() >= ends:
                    raise
    finally:
        if connection.fileno() != -1:
            connection.settimeout(seconds)
