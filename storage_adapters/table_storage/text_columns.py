"""Text columns: values as a server writes them, as an Arrow array of their column's type, without a step per value."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from storage_adapters.errors import ValueUnsupported


def decode(source: str, field: "pa.Field[Any]", values: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values in the field's type; bytes are text that tells a value, everything else is one already.

    Raises:
        ValueUnsupported: one has no form in it (a date of zeros); the detail names table and column.
    """
    with naming(source, field):
        return _from_text(field.type, values) if pa.types.is_binary(values.type) else values.cast(field.type)


@contextmanager
def naming(source: str, field: "pa.Field[Any]") -> Iterator[None]:
    """Raise ValueUnsupported, which names table and column, where Arrow finds no form for a value inside."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        # Arrow's words hold the value, which a person needs, and for text that is not UTF-8 no more than that.
        raise ValueUnsupported(
            f"A value of column {field.name!r} of {source} has no form as {field.type}: {error}"
        ) from error


def _from_text(kind: pa.DataType, values: "pa.Array[Any]") -> "pa.Array[Any]":
    if pa.types.is_binary(kind):
        return values
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    if pa.types.is_string(kind):
        return values.cast(pa.string())  # looks whether it is UTF-8
    text = values.view(pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return text.cast(pa.timestamp(kind.unit)).view(kind)
    return text.cast(kind)
