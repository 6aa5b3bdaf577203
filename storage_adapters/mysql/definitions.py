"""Definitions: the columns of a new table, from an Arrow schema."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from storage_adapters.errors import ColumnUnsupported
from storage_adapters.mysql.catalog import quote_name

_FIXED_MAX_BYTES = 255
_DECIMAL_MAX_DIGITS = 65
_DECIMAL_MAX_SCALE = 30

_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 6}


def define_columns(title: str, schema: pa.Schema) -> list[str]:
    """A column definition for each field.

    Raises:
        ColumnUnsupported: MySQL has no such type; the detail names table, column and type.
        NameInvalid: the server can have no column of a name.
    """
    if not len(schema):
        raise ColumnUnsupported(f"{title} has no columns: the server needs at least one.")
    return [_define(title, field) for field in schema]


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type that values are given before they are written: that of the entries of a dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _define(title: str, field: "pa.Field[Any]") -> str:
    kind = stored_type(field.type)
    make = next((make for accepts, make in _TYPES.items() if accepts(kind)), None)
    definition = make(kind) if make is not None else None
    if definition is None:
        raise ColumnUnsupported(
            f"Column {field.name!r} of {title} has a type that MySQL cannot represent: {field.type}."
        )
    # Without an explicit NULL a TIMESTAMP is NOT NULL on older servers.
    return f"{quote_name(field.name)} {definition} {'NULL' if field.nullable else 'NOT NULL'}"


def _decimal(kind: pa.DataType) -> str | None:
    fits = kind.precision <= _DECIMAL_MAX_DIGITS and 0 <= kind.scale <= _DECIMAL_MAX_SCALE  # type: ignore[attr-defined]  # a decimal has both
    return f"DECIMAL({kind.precision},{kind.scale})" if fits else None  # type: ignore[attr-defined]  # as above


def _fixed_binary(kind: pa.DataType) -> str:
    return f"BINARY({kind.byte_width})" if 0 < kind.byte_width <= _FIXED_MAX_BYTES else "LONGBLOB"


def _timestamp(kind: pa.DataType) -> str:
    name = "DATETIME" if kind.tz is None else "TIMESTAMP"  # type: ignore[attr-defined]  # a timestamp has both
    return f"{name}({_FRACTION_DIGITS[kind.unit]})"  # type: ignore[attr-defined]  # as above


def _time(kind: pa.DataType) -> str:
    return f"TIME({_FRACTION_DIGITS[kind.unit]})"  # type: ignore[attr-defined]  # a time of day has one


def _always(definition: str) -> Callable[[pa.DataType], str]:
    return lambda _kind: definition


_TYPES: Mapping[Callable[[pa.DataType], bool], Callable[[pa.DataType], str | None]] = {
    pa.types.is_boolean: _always("BIT(1)"),  # TINYINT(1) would come back as a number
    pa.types.is_int8: _always("TINYINT"),
    pa.types.is_int16: _always("SMALLINT"),
    pa.types.is_int32: _always("INT"),
    pa.types.is_int64: _always("BIGINT"),
    pa.types.is_uint8: _always("TINYINT UNSIGNED"),
    pa.types.is_uint16: _always("SMALLINT UNSIGNED"),
    pa.types.is_uint32: _always("INT UNSIGNED"),
    pa.types.is_uint64: _always("BIGINT UNSIGNED"),
    pa.types.is_float16: _always("FLOAT"),
    pa.types.is_float32: _always("FLOAT"),
    pa.types.is_float64: _always("DOUBLE"),
    pa.types.is_decimal: _decimal,
    pa.types.is_string: _always("LONGTEXT"),
    pa.types.is_large_string: _always("LONGTEXT"),
    pa.types.is_binary: _always("LONGBLOB"),
    pa.types.is_large_binary: _always("LONGBLOB"),
    pa.types.is_fixed_size_binary: _fixed_binary,
    pa.types.is_date: _always("DATE"),
    pa.types.is_timestamp: _timestamp,
    pa.types.is_time: _time,
}
