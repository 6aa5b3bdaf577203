"""Literals: Arrow columns as the text of an INSERT, a column at a time."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage_adapters.errors import ValueUnsupported
from storage_adapters.mysql.definitions import stored_type

_SLICE_ROWS = 4096

_JOIN: Any = pc.binary_join_element_wise  # the stubs know no mix of arrays and scalars
_FILL: Any = pc.fill_null

_ESCAPES = (("\\", "\\\\"), ("'", "''"), ("\x00", "\\0"))


def row_literals(title: str, batch: pa.RecordBatch) -> Iterator[list[bytes]]:
    """The rows as `(value,value,…)` in lists of a few thousand, for a session under our sql_mode.

    Raises:
        ValueUnsupported: NaN, an infinity, or a time finer than a microsecond.
    """
    for start in range(0, batch.num_rows, _SLICE_ROWS):
        piece = batch.slice(start, _SLICE_ROWS)
        texts = [
            _literal(title, field.name, column.cast(stored_type(field.type)))
            for field, column in zip(batch.schema, piece.columns, strict=True)
        ]
        joined = _JOIN(*texts, pa.scalar(b",", pa.large_binary()))
        yield [b"(%b)" % row for row in joined.to_pylist()]


def _literal(title: str, name: str, values: "pa.Array[Any]") -> "pa.Array[Any]":
    try:
        text = _text(values).cast(pa.large_binary())
    except pa.ArrowInvalid as error:
        raise ValueUnsupported(
            f"A value of column {name!r} of {title} has no form in MySQL: {error}"
        ) from error
    filled: pa.Array[Any] = _FILL(text, pa.scalar(b"NULL", pa.large_binary()))
    return filled


def _text(values: "pa.Array[Any]") -> "pa.Array[Any]":
    kind = values.type
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8()).cast(pa.string())
    if pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _quoted(values.cast(pa.string()))  # 1E-30 without quotes would be a DOUBLE, and rounded
    if pa.types.is_floating(kind):
        if pc.any(pc.invert(pc.is_finite(values))).as_py():
            raise pa.ArrowInvalid("NaN or an infinity")
        if not pa.types.is_float64(kind):
            # The shortest text of a float32 may lie beyond it: 3.4028235e+38 is out of FLOAT's range.
            values = values.cast(pa.float32()).cast(pa.float64())
        return _quoted(values.cast(pa.string()))  # as text -0.0 keeps its sign
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for character, escaped in _ESCAPES:
            values = pc.replace_substring(values, character, escaped)
        return _quoted(values)
    if pa.types.is_timestamp(kind):
        micros = values.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
        return _quoted(micros.cast(pa.timestamp("us")).cast(pa.string()))
    if pa.types.is_time(kind):
        return _quoted(values.cast(pa.time64("us")).cast(pa.string()))
    if pa.types.is_date(kind):
        return _quoted(values.cast(pa.date32()).cast(pa.string()))
    return pa.array(
        [None if value is None else b"x'%b'" % value.hex().encode() for value in values.to_pylist()]
    )


def _quoted(values: "pa.Array[Any]") -> "pa.Array[Any]":
    text = values.cast(pa.large_string())
    quote = pa.scalar("'", pa.large_string())
    quoted: pa.Array[Any] = _JOIN(quote, text, quote, pa.scalar("", pa.large_string()))
    return quoted
