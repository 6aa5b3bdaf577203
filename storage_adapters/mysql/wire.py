"""The wire: whole blocks of rows as the server sent them, cut into columns of bytes without a step per value.

PyMySQL makes a Python object of each packet and of each value, which costs ten times what the rest of the way
to Arrow does. The text protocol is simple enough to be cut for all rows of a block at once: a row is a packet
behind its length, and in it are its values one after another, each behind its length.
"""

from array import array
from collections.abc import Generator
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql import OperationalError
from pymysql.constants import CR
from pymysql.cursors import SSCursor
from pymysql.err import raise_mysql_exception

from storage_adapters.errors import ServerUntrusted

BLOCK_ROWS = 8192
BLOCK_BYTES = 1024 * 1024

_RECEIVE_BYTES = 64 * 1024
_HEAD_BYTES = 4
_PACKET_MAX_BYTES = 0xFFFFFF
"""A packet of this length goes on in the next one."""

_MOST_SHORT_BYTES = 2**31 - 1
_head = Struct("<I").unpack_from
"""Three bytes of length and one that numbers the packets."""

_NULL = 0xFB
_EOF = 0xFE
_EOF_MAX_BYTES = 9
_ERROR = 0xFF
_WIDE = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of length follow a first byte that is not the length itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Rows as they came: the bytes, and in them where each row begins and ends."""

    data: bytes
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many they are, which may be none."""
        return len(self.begins)


def read_blocks(cursor: SSCursor) -> Generator[Block]:
    """The rows of the running query, in blocks closed at `BLOCK_ROWS` or the row that reaches `BLOCK_BYTES`.

    The same rows give the same blocks, in whatever pieces they arrive. The last block may be empty.
    When it is closed before the end, the connection is good for nothing but hanging up.

    Raises:
        pymysql.Error: what the server reports in the middle, or that it is gone.
    """
    connection: Any = cursor.connection
    result: Any = cursor._result  # type: ignore[attr-defined]  # what SSCursor itself reads from
    if result is None or not result.unbuffered_active:
        raise ServerUntrusted("The server answered a SELECT without rows.")
    rows = RowScanner()
    try:
        while not rows.finished:
            chunk = connection._rfile.read1(_RECEIVE_BYTES)
            if not chunk:
                raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
            rows.feed(chunk)
            while rows.full:
                yield rows.take()
                rows.feed(b"")
        yield rows.take()
    finally:
        # Else the cursor would fetch the rest of the rows before it goes.
        result.unbuffered_active = False
        result.connection = None


class RowScanner:
    """Finds whole rows in bytes that arrive in any pieces."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._position = 0
        self._begins = array("q")
        self.finished = False

    @property
    def full(self) -> bool:
        """Whether the rows found are enough for a block."""
        return len(self._begins) >= BLOCK_ROWS or self._position >= BLOCK_BYTES

    def feed(self, chunk: bytes) -> None:
        """Take what arrived, and find rows until there are enough. Raises: pymysql.Error: the server reports one."""
        self._received += chunk
        received, position, size_bytes = self._received, self._position, len(self._received)
        found, head, longest = self._begins.append, _head, _PACKET_MAX_BYTES
        last = min(size_bytes - _HEAD_BYTES, BLOCK_BYTES - 1)
        # This runs for every row of every table: fewer steps here are what makes a table faster.
        for _ in range(BLOCK_ROWS - len(self._begins)):
            if position > last:
                break
            length = head(received, position)[0] & 0xFFFFFF
            begin = position + 4
            end = begin + length
            if length >= longest:
                end = self._join(position)
                size_bytes = len(received)
                last = min(size_bytes - _HEAD_BYTES, BLOCK_BYTES - 1)
            if end > size_bytes or ((length == 0 or received[begin] >= 0xFE) and self._is_end(begin, end)):
                break
            found(begin)
            position = end
        self._position = position

    def _is_end(self, begin: int, end: int) -> bool:
        """Whether the packet ends the rows instead of being one. Raises: pymysql.Error: it is an error."""
        first = self._received[begin] if begin < end else _ERROR
        if first == _ERROR:
            raise_mysql_exception(bytes(self._received[begin:end]))
        self.finished = first == _EOF and end - begin < _EOF_MAX_BYTES
        return self.finished

    def take(self) -> Block:
        """The rows found so far, which may be none; they are forgotten here."""
        begins = np.array(self._begins, np.int64)
        # A row ends where the head of the next one begins.
        ends = np.append(begins[1:] - _HEAD_BYTES, self._position)[: len(begins)]
        block = Block(data=bytes(self._received[: self._position]), begins=begins, ends=ends)
        del self._received[: self._position]
        self._position, self._begins = 0, array("q")
        return block

    def _join(self, position: int) -> int:
        """Make one of the packets of a row of 16 MiB and more, and return its end; beyond the bytes if some are missing."""
        received = self._received
        begin = place = position + _HEAD_BYTES
        pieces: list[bytearray] = []
        length = _PACKET_MAX_BYTES
        while length == _PACKET_MAX_BYTES:
            head = received[place - _HEAD_BYTES : place]
            length = int.from_bytes(head[:3], "little")
            if len(head) < _HEAD_BYTES or place + length > len(received):
                return len(received) + 1
            pieces.append(received[place : place + length])
            place += length + _HEAD_BYTES
        received[begin : place - _HEAD_BYTES] = b"".join(pieces)
        return begin + sum(map(len, pieces))


def cut_columns(block: Block, count: int) -> list[pa.BinaryArray]:
    """The `count` values of every row, of which there is at least one, as a binary array for each column.

    Raises:
        ServerUntrusted: a row is not made of exactly so many values.
    """
    places, ends = block.begins, block.ends
    # Lengths are read as eight bytes at once, beyond the last row too.
    data = np.frombuffer(block.data + bytes(16), np.uint8)
    every_other = np.arange(0, 2 * block.rows, 2)
    columns = []
    for _ in range(count):
        begins, sizes, present = _measure(data, places)
        places = begins + sizes
        # A row that ended before this value, too: whatever follows it has a length of at least one byte.
        if (places > ends).any():
            raise ServerUntrusted("The server sent a row that ends within a value.")
        columns.append(_gather(data, begins, places, present, every_other))
    if (places != ends).any():
        raise ServerUntrusted("The server sent a row with more values than columns.")
    return columns


def _measure(
    data: NDArray[np.uint8], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Where the value at each place begins, how long it is, and whether it is one (and not NULL)."""
    first = data[places]
    sizes = first.astype(np.int64)
    begins = places + 1
    present = first != _NULL
    if first.max() >= _NULL:
        sizes[~present] = 0
        for mark, width in _WIDE.items():
            rows = np.flatnonzero(first == mark)
            if not len(rows):
                continue
            digits = data[places[rows][:, None] + np.arange(1, width + 1)].astype(np.int64)
            sizes[rows] = (digits << (8 * np.arange(width))).sum(axis=1)
            begins[rows] += width
        if (first == 0xFF).any() or (sizes < 0).any() or (sizes > len(data)).any():
            raise ServerUntrusted("The server sent a value of impossible length.")
    return begins, sizes, present


def _gather(
    data: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    present: NDArray[np.bool_],
    every_other: NDArray[np.int64],
) -> pa.BinaryArray:
    """The values as an Arrow array of their own bytes.

    Arrow sees the block as values and the gaps between them in turn, without a copy, and takes every other one.
    """
    # Offsets of 32 bits where they can tell, which is nearly always: they need no second look.
    is_short = len(data) <= _MOST_SHORT_BYTES
    edges = np.empty(2 * len(begins), np.int32 if is_short else np.int64)
    edges[0::2] = begins
    edges[1::2] = ends
    buffers: list[Any] = [None, pa.py_buffer(edges.data), pa.py_buffer(data.data)]
    kind = pa.binary() if is_short else pa.large_binary()
    runs: Any = pa.Array.from_buffers(kind, len(edges) - 1, buffers)
    wanted = pa.array(every_other, mask=None if present.all() else ~present)
    values: pa.BinaryArray = runs.take(wanted).cast(pa.binary())
    return values
