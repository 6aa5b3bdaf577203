"""Text columns: values that a server sends as text become an Arrow array, without a step for each value."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from storage_adapters.errors import ValueUnsupported


def decode(source: str, field: "pa.Field[Any]", values: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values in the field's type; binary values are their text, all others are only cast.

    Raises:
        ValueUnsupported: the type cannot hold a value (a date of zeros); the detail names table and column.
    """
    with naming_column(source, field):
        return _from_text(field.type, values) if pa.types.is_binary(values.type) else values.cast(field.type)


@contextmanager
def naming_column(source: str, field: "pa.Field[Any]") -> Iterator[None]:
    """Raise ValueUnsupported, with table and column, where Arrow cannot represent a value."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        # Arrow's text names the value, which the user needs, but not the bytes of text that is not UTF-8.
        raise ValueUnsupported(
            f"A value of column {field.name!r} of {source} cannot be represented as {field.type}: {error}"
        ) from error


def _from_text(kind: pa.DataType, values: "pa.Array[Any]") -> "pa.Array[Any]":
    if pa.types.is_binary(kind):
        return values
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    if pa.types.is_string(kind):
        return values.cast(pa.string())  # checks that it is UTF-8
    text = values.view(pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return text.cast(pa.timestamp(kind.unit)).view(kind)
    return text.cast(kind)
