"""Answers: what the server sends, waited for with a look every second at whether it is still wanted."""

import io
import socket
from typing import Any

from storage_adapters.waiting import Check, receive


class Answers(io.RawIOBase):
    """The bytes of a connection, as PyMySQL reads them."""

    def __init__(self, connection: socket.socket, *, seconds: float, check: Check) -> None:
        self._socket = connection
        self._seconds = seconds
        self._check = check
        self.left_open = False
        """Whether the wait for an answer was given up, while the server may go on."""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`. Raises: OSError, and whatever the check does."""
        try:
            data = receive(self._socket, len(buffer), seconds=self._seconds, check=self._check)
        except BaseException as error:
            # A connection that broke was ended by the server, or there is none.
            self.left_open = isinstance(error, TimeoutError) or not isinstance(error, OSError)
            raise
        buffer[: len(data)] = data
        return len(data)


def listen(connection: Any, *, seconds: float, check: Check) -> Answers:
    """Let a connection of PyMySQL's, of which nothing is read ahead, wait so from now on."""
    answers = Answers(connection._sock, seconds=seconds, check=check)
    connection._rfile.close()
    connection._rfile = io.BufferedReader(answers)
    return answers
