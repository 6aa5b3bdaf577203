"""Rows: the columns of a Thrift row set as Arrow arrays, a column at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from storage_adapters.table_storage.text_columns import decode

_WIRE: Mapping[str, pa.DataType] = {
    "boolVal": pa.bool_(),
    "byteVal": pa.int8(),
    "i16Val": pa.int16(),
    "i32Val": pa.int32(),
    "i64Val": pa.int64(),
    "doubleVal": pa.float64(),
    "stringVal": pa.binary(),
    "binaryVal": pa.binary(),
}
"""The members of Thrift's TColumn, of which one is set."""


def wire_array(column: Any) -> "pa.Array[Any]":
    """The values of a TColumn as the server sent them; other types are sent as text."""
    name, values = next((name, found) for name in _WIRE if (found := getattr(column, name)) is not None)
    array = pa.array(values.values, _WIRE[name])
    valid = _validity(values.nulls, len(array))
    # A NULL has a value on the wire, too; only the bits mark it.
    return pa.Array.from_buffers(array.type, len(array), [valid, *array.buffers()[1:]])


def as_field(source: str, field: "pa.Field[Any]", values: "pa.Array[Any]") -> "pa.Array[Any]":
    """The server's values in the field's type. Raises: ValueUnsupported: the type cannot hold one."""
    if pa.types.is_string(values.type):
        values = values.view(pa.binary())  # text in Parquet need not be UTF-8
    return decode(source, field, values)


def _validity(nulls: bytes, rows: int) -> pa.Buffer | None:
    """Arrow's bits, which mark values, from Thrift's, which mark NULLs and may end early."""
    if not any(nulls):
        return None
    bits = np.full((rows + 7) // 8, 0xFF, np.uint8)
    missing = np.frombuffer(nulls, np.uint8)[: len(bits)]
    bits[: len(missing)] = ~missing
    return pa.py_buffer(bits.tobytes())
