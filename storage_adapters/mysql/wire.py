"""The wire: whole blocks of rows as the server sent them, cut into columns of bytes without a step per value.

PyMySQL makes a Python object of each value, which costs ten times what the rest of the way to Arrow does.
The text protocol is simple enough to be cut for all rows of a block at once: a row is its values one after
another, each behind its length.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql.cursors import SSCursor

from storage_adapters.errors import ServerUntrusted

BLOCK_ROWS = 8192
BLOCK_BYTES = 8 * 1024 * 1024

_NULL = 0xFB
_EOF = 0xFE
_EOF_MAX_BYTES = 9
_WIDE = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of length follow a first byte that is not the length itself."""


def read_blocks(cursor: SSCursor) -> Iterator[list[bytes]]:
    """The rows of the running query, in lists closed at `BLOCK_ROWS` or `BLOCK_BYTES`, whichever comes first."""
    connection: Any = cursor.connection
    result: Any = cursor._result  # type: ignore[attr-defined]  # what SSCursor itself reads from
    if result is None or not result.unbuffered_active:
        raise ServerUntrusted("The server answered a SELECT without rows.")
    rows: list[bytes] = []
    size_bytes = 0
    while True:
        row = connection._read_packet().get_all_data()
        if row[:1] == b"\xfe" and len(row) < _EOF_MAX_BYTES:
            result.unbuffered_active = False
            result.connection = None
            break
        rows.append(row)
        size_bytes += len(row)
        if len(rows) >= BLOCK_ROWS or size_bytes >= BLOCK_BYTES:
            yield rows
            rows, size_bytes = [], 0
    if rows:
        yield rows


def cut_columns(rows: list[bytes], count: int) -> list[pa.BinaryArray]:
    """The `count` values of every row as one binary array for each column.

    Raises:
        ServerUntrusted: a row is not made of exactly so many values.
    """
    whole = b"".join(rows)
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    ends = np.cumsum(lengths)
    # Lengths are read as eight bytes at once, beyond the last row too.
    data = np.frombuffer(whole + bytes(16), np.uint8)
    places = ends - lengths
    columns = []
    for _ in range(count):
        if (places >= ends).any():
            raise ServerUntrusted("The server sent a row with fewer values than columns.")
        begins, sizes, present = _measure(data, places)
        places = begins + sizes
        if (places > ends).any():
            raise ServerUntrusted("The server sent a value that is longer than its row.")
        columns.append(_gather(data, whole, begins, sizes, present))
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
        if (first == 0xFF).any() or (sizes < 0).any():
            raise ServerUntrusted("The server sent a value of impossible length.")
    return begins, sizes, present


def _gather(
    data: NDArray[np.uint8],
    whole: bytes,
    begins: NDArray[np.int64],
    sizes: NDArray[np.int64],
    present: NDArray[np.bool_],
) -> pa.BinaryArray:
    """The values as an Arrow array; short ones are picked byte by byte in numpy, long ones copied one by one."""
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    total = int(offsets[-1])
    values: Any
    if total > 64 * len(sizes):
        ends = begins + sizes
        values = b"".join(
            [whole[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        )
    else:
        values = data[np.arange(total) + np.repeat(begins - offsets[:-1], sizes)]
    validity = None if present.all() else pa.array(present).buffers()[1]
    buffers = [validity, pa.py_buffer(offsets.tobytes()), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.binary(), len(sizes), buffers)  # type: ignore[return-value]
