"""The wire: blocks of rows as the server sent them, and positions in them, found without an object for each value.

PyMySQL makes a Python object of each packet and of each value, which costs ten times what the rest of the way
to Arrow does. Here a row is a packet behind its length, and what is in it is left to `values`.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql import OperationalError
from pymysql.constants import CR
from pymysql.err import raise_mysql_exception

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.connection import Connection, discard_rows

BLOCK_ROWS = 16_384
BLOCK_BYTES = 2 * 1024 * 1024
SPARE_BYTES = 16
"""Unused bytes at the end of a block, so that a value of a fixed width can be read without a check for the end."""

_RECEIVE_BYTES = 256 * 1024
_HEAD_BYTES = 4
_PACKET_MAX_BYTES = 0xFFFFFF
"""A packet of this length goes on in the next one."""

_head = Struct("<IB").unpack_from
"""Three bytes of length, one of the packet's number, and the first byte of the content."""

_EOF = b"\xfe"
_ERROR = b"\xff"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Rows as they arrived: the bytes, and where each row begins and ends; `SPARE_BYTES` follow the last."""

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """The number of rows; may be 0."""
        return len(self.begins)


def read_blocks(connection: Connection) -> Iterator[Block]:
    """The rows of the executed statement, in blocks closed at `BLOCK_ROWS` or the row that reaches `BLOCK_BYTES`.

    The same rows give the same blocks, in whatever pieces they arrive. The last block may be empty.
    If the iteration ends early, the connection can only be closed.

    Raises:
        pymysql.Error: the server reports an error between rows, or is gone.
        ServerUntrusted: a packet is not a row.
    """
    stream: Any = connection
    rows = RowScanner()
    while not rows.finished:
        chunk = stream._rfile.read1(_RECEIVE_BYTES)
        if not chunk:
            raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
        rows.feed(chunk)
        while rows.full:
            yield rows.take()
            rows.feed(b"")
    discard_rows(connection)
    yield rows.take()


class RowScanner:
    """Finds whole rows in bytes that arrive in any pieces."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._position = 0
        self._heads = array("q")
        self.finished = False

    @property
    def full(self) -> bool:
        """Whether the rows found are enough for a block."""
        return len(self._heads) >= BLOCK_ROWS or self._position >= BLOCK_BYTES

    def feed(self, chunk: bytes) -> None:
        """Add the bytes, and find rows until there are enough.

        Raises:
            pymysql.Error: the server reports one.
            ServerUntrusted: a packet is neither a row nor the end.
        """
        self._received += chunk
        received, position, found = self._received, self._position, self._heads
        add, head, longest = found.append, _head, _PACKET_MAX_BYTES
        last = min(len(received) - _HEAD_BYTES, BLOCK_BYTES) - 1
        # This runs for every row of every table: fewer steps here are what makes a table faster.
        for _ in range(BLOCK_ROWS - len(found)):
            if position > last:
                break
            length, first = head(received, position)
            length &= 0xFFFFFF
            if first:
                self._end(position, length)
                break
            if length >= longest:
                length = self._join(position)
                last = min(len(received) - _HEAD_BYTES, BLOCK_BYTES) - 1
            add(position)
            position += 4 + length
        if position > len(received):
            position = found.pop()  # it is not whole yet
        self._position = position

    def take(self) -> Block:
        """The rows found so far, which may be none; the scanner drops them."""
        heads = np.array(self._heads, np.int64)
        # A row ends where the head of the next one begins.
        ends = np.append(heads[1:], self._position)[: len(heads)]
        data = np.zeros(self._position + SPARE_BYTES, np.uint8)
        data[: self._position] = np.frombuffer(self._received, np.uint8, self._position)
        del self._received[: self._position]
        self._position, self._heads = 0, array("q")
        return Block(data=data, begins=heads + _HEAD_BYTES, ends=ends)

    def _end(self, position: int, length: int) -> None:
        """Handle a packet that is not a row, once it is complete: the end, or an error.

        Raises:
            pymysql.Error: it is an error.
            ServerUntrusted: it is neither.
        """
        begin = position + _HEAD_BYTES
        packet = bytes(self._received[begin : begin + length])
        if len(packet) < length:
            return
        if packet[:1] == _ERROR:
            raise_mysql_exception(packet)
        if packet[:1] != _EOF:
            raise ServerUntrusted(
                "Protocol error: unexpected packet in a result set (neither row, end nor error)."
            )
        self.finished = True

    def _join(self, position: int) -> int:
        """Join the packets of a row of 16 MiB and more.

        Returns its length, or one beyond the received bytes if packets are missing.
        """
        received = self._received
        begin = place = position + _HEAD_BYTES
        pieces: list[slice] = []
        length = _PACKET_MAX_BYTES
        while length == _PACKET_MAX_BYTES:
            head = received[place - _HEAD_BYTES : place]
            length = int.from_bytes(head[:3], "little")
            if len(head) < _HEAD_BYTES or place + length > len(received):
                return len(received)
            pieces.append(slice(place, place + length))
            place += length + _HEAD_BYTES
        row = b"".join(received[piece] for piece in pieces)
        received[begin : place - _HEAD_BYTES] = row
        return len(row)


Sizes: TypeAlias = "NDArray[np.int64] | int"
"""How many bytes each row's value takes, or every row's; undefined for a NULL."""

Cut: TypeAlias = "Callable[[Positions], tuple[pa.Array[Any], Sizes]]"
"""A reader of the values at their positions.

Raises:
    pyarrow.ArrowInvalid: Arrow cannot represent a value.
    ServerUntrusted: it is not a valid value.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Positions:
    """Where each row's value begins; at least `SPARE_BYTES` follow the last. `missing` marks NULLs, if there are any."""

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    missing: NDArray[np.bool_] | None

    def records(self, kind: "np.dtype[Any]", *, after: int = 0) -> NDArray[Any]:
        """The record of the kind that lies `after` bytes after each position, all zero where the value is NULL."""
        # A view in which a record begins at every byte, of which the wanted ones are copied.
        width = kind.itemsize
        everywhere = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data.data, strides=(1,))
        found = everywhere[self.begins + after].view(kind)
        if self.missing is not None:
            found[self.missing] = np.zeros((), kind)
        return found

    def first_bytes(self) -> NDArray[np.uint8]:
        """The first byte of each value, zero where it is NULL."""
        found = self.data[self.begins]
        if self.missing is not None:
            found[self.missing] = 0
        return found

    def array(self, values: NDArray[Any]) -> "pa.Array[Any]":
        """The values as an Arrow array, NULL where they are missing."""
        found: pa.Array[Any] = pa.array(values, mask=self.missing)
        return found
