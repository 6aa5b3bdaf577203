"""Byte strings: the values that stand behind their length, which are text, bytes, decimals and bits."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.places import Places, Sizes

_MOST_SHORT_BYTES = 2**31 - 1

_SHORT = 0xFB
"""A first byte below this is the length itself."""
_WIDE = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of length follow any other."""

_LONGEST_BITS = 8
_BIG_ENDIAN = np.dtype(">u8")


def cut_bytes(places: Places) -> tuple["pa.Array[Any]", Sizes]:
    """The values as Arrow's `binary`."""
    heads, sizes = _measure(places)
    begins = places.begins + heads
    ends = begins + sizes
    if (ends > len(places.data)).any():
        raise ServerUntrusted("The server sent a value that ends behind all rows.")
    return _gather(places, begins, ends), heads + sizes


def cut_bits(places: Places) -> tuple["pa.Array[Any]", Sizes]:
    """The values of BIT(n) as `uint64`; all are of one length, the highest bits first."""
    sizes = places.first_bytes()
    if sizes.max() > _LONGEST_BITS:
        raise ServerUntrusted("The server sent more bits than a column has.")
    numbers = places.records(_BIG_ENDIAN, after=1).astype(np.uint64)
    spare = 8 * (_LONGEST_BITS - sizes.astype(np.uint64))
    return places.array(numbers >> spare), sizes.astype(np.int64) + 1


def _measure(places: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many bytes tell the length of each value, and the length; zero where it is NULL."""
    first = places.first_bytes()
    sizes = first.astype(np.int64)
    heads = np.ones_like(sizes)
    if first.max() >= _SHORT:
        for mark, width in _WIDE.items():
            rows = np.flatnonzero(first == mark)
            if not len(rows):
                continue
            digits = places.data[places.begins[rows][:, None] + np.arange(1, width + 1)].astype(np.int64)
            sizes[rows] = (digits << (8 * np.arange(width))).sum(axis=1)
            heads[rows] += width
        if np.isin(first, (0xFB, 0xFF)).any() or (sizes < 0).any() or (sizes > len(places.data)).any():
            raise ServerUntrusted("The server sent a value of impossible length.")
    return heads, sizes


def _gather(places: Places, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> "pa.Array[Any]":
    """The values as an Arrow array of their own bytes.

    Arrow sees the block as values and the gaps between them in turn, without a copy, and takes every other one.
    """
    # Offsets of 32 bits where they can tell, which is nearly always: they need no second look.
    is_short = len(places.data) <= _MOST_SHORT_BYTES
    edges = np.empty(2 * len(begins), np.int32 if is_short else np.int64)
    edges[0::2] = begins
    edges[1::2] = ends
    buffers: list[Any] = [None, pa.py_buffer(edges.data), pa.py_buffer(places.data.data)]
    kind = pa.binary() if is_short else pa.large_binary()
    runs: Any = pa.Array.from_buffers(kind, len(edges) - 1, buffers)
    values: pa.Array[Any] = runs.take(places.array(np.arange(0, len(edges), 2))).cast(pa.binary())
    return values
