"""Arrow's arrays of names as plain Python values and as the numpy arrays of their buffers."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def texts(array: "pa.Array[Any] | pa.ChunkedArray[Any]") -> list[str]:
    """The values of a string array without nulls."""
    return cast(list[str], array.to_pylist())


def byte_strings(array: "pa.Array[Any] | pa.ChunkedArray[Any]") -> list[bytes]:
    """The values of a binary array without nulls."""
    return cast(list[bytes], array.to_pylist())


def one_chunk(array: "pa.ChunkedArray[Any]") -> "pa.Array[Any]":
    """The same values in one contiguous array."""
    combined: Any = array.combine_chunks()
    # Combining no chunks at all gives a chunked array again.
    if isinstance(combined, pa.ChunkedArray):
        combined = pa.array([], array.type)
    return cast("pa.Array[Any]", combined)


def offsets_and_data(array: "pa.Array[Any]") -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Value i of a (large) string or binary array is data[offsets[i]:offsets[i + 1]]."""
    if not len(array):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    is_large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, data = cast(list[Any], array.buffers())
    used = np.frombuffer(offsets, np.int64 if is_large else np.int32)[
        array.offset : array.offset + len(array) + 1
    ]
    return used.astype(np.int64, copy=False), np.frombuffer(data, np.uint8)
