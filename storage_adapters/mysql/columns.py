"""Columns: the Arrow types of a result's columns, from the server's description of them."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG

from storage_adapters.errors import ColumnUnsupported

BINARY_CHARSET = 63


class ServerField(Protocol):
    """A column's description in the protocol; PyMySQL's `FieldDescriptorPacket`."""

    name: str
    type_code: int
    flags: int
    charsetnr: int
    length: int
    scale: int


def read_columns(source: str, fields: list[ServerField]) -> pa.Schema:
    """The Arrow schema of a result of `source`, which the errors name. Raises: ColumnUnsupported."""
    return pa.schema([_arrow_field(source, field) for field in fields])


def _arrow_field(source: str, field: ServerField) -> "pa.Field[Any]":
    kind = _TYPES.get(field.type_code)
    if kind is None:
        raise ColumnUnsupported(
            f"Column {field.name!r} of {source} has a type that Arrow cannot represent: {_type_name(field.type_code)}."
        )
    return pa.field(field.name, kind(field), nullable=not field.flags & FLAG.NOT_NULL)


def _type_name(code: int) -> str:
    return next((name for name, number in vars(FIELD_TYPE).items() if number == code), f"number {code}")


def _integer(bits: int) -> Callable[[ServerField], pa.DataType]:
    signed, unsigned = getattr(pa, f"int{bits}")(), getattr(pa, f"uint{bits}")()
    return lambda field: unsigned if field.flags & FLAG.UNSIGNED else signed


def _decimal(field: ServerField) -> pa.DataType:
    # The length counts the point and the sign.
    signs = (field.scale > 0) + (not field.flags & FLAG.UNSIGNED)
    precision = max(field.length - signs, field.scale, 1)
    return pa.decimal128(precision, field.scale) if precision <= 38 else pa.decimal256(precision, field.scale)


def _text(field: ServerField) -> pa.DataType:
    return pa.binary() if field.charsetnr == BINARY_CHARSET else pa.string()


def _bits(field: ServerField) -> pa.DataType:
    return pa.bool_() if field.length == 1 else pa.uint64()


def _always(kind: pa.DataType) -> Callable[[ServerField], pa.DataType]:
    return lambda _field: kind


_TYPES: Mapping[int, Callable[[ServerField], pa.DataType]] = {
    FIELD_TYPE.TINY: _integer(8),
    FIELD_TYPE.SHORT: _integer(16),
    FIELD_TYPE.INT24: _integer(32),
    FIELD_TYPE.LONG: _integer(32),
    FIELD_TYPE.LONGLONG: _integer(64),
    FIELD_TYPE.YEAR: _always(pa.uint16()),
    FIELD_TYPE.FLOAT: _always(pa.float32()),
    FIELD_TYPE.DOUBLE: _always(pa.float64()),
    FIELD_TYPE.DECIMAL: _decimal,
    FIELD_TYPE.NEWDECIMAL: _decimal,
    FIELD_TYPE.DATE: _always(pa.date32()),
    FIELD_TYPE.NEWDATE: _always(pa.date32()),
    FIELD_TYPE.DATETIME: _always(pa.timestamp("us")),
    FIELD_TYPE.TIMESTAMP: _always(pa.timestamp("us", tz="UTC")),
    FIELD_TYPE.TIME: _always(pa.time64("us")),
    FIELD_TYPE.BIT: _bits,
    FIELD_TYPE.JSON: _always(pa.string()),
    FIELD_TYPE.ENUM: _text,
    FIELD_TYPE.SET: _text,
    FIELD_TYPE.VARCHAR: _text,
    FIELD_TYPE.VAR_STRING: _text,
    FIELD_TYPE.STRING: _text,
    FIELD_TYPE.TINY_BLOB: _text,
    FIELD_TYPE.MEDIUM_BLOB: _text,
    FIELD_TYPE.LONG_BLOB: _text,
    FIELD_TYPE.BLOB: _text,
    FIELD_TYPE.NULL: _always(pa.null()),
}
"""GEOMETRY and VECTOR are left out on purpose."""
