"""Text columns: values as a server writes them, as an Arrow array of their column's type, without a step per value."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage_adapters.errors import ValueUnsupported

_JOIN: Any = pc.binary_join_element_wise  # the stubs know no mix of arrays and scalars


def decode(source: str, field: "pa.Field[Any]", values: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values in the field's type.

    Raises:
        ValueUnsupported: one has no form in it (a date of zeros, a time beyond a day); the detail names
            table and column.
    """
    try:
        return _decode(field.type, values)
    except pa.ArrowInvalid as error:
        # Arrow's words hold the value, which a person needs, and for text that is not UTF-8 no more than that.
        raise ValueUnsupported(
            f"A value of column {field.name!r} of {source} has no form as {field.type}: {error}"
        ) from error


def _decode(kind: pa.DataType, values: "pa.Array[Any]") -> "pa.Array[Any]":
    if pa.types.is_binary(kind):
        return values
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    if pa.types.is_string(kind):
        return values.cast(pa.string())  # looks whether it is UTF-8
    text = values.view(pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return text.cast(pa.timestamp(kind.unit)).view(kind)
    if pa.types.is_time(kind):
        # Arrow reads no times alone. One beyond a day, which the server has, is no time of day and is refused.
        moments: pa.Array[Any] = _JOIN(pa.scalar("1970-01-01 "), text, pa.scalar(""))
        return moments.cast(pa.timestamp("us")).cast(kind)
    return text.cast(kind)
