"""Values: rows of the binary protocol as an Arrow array for each column, without a step per value.

A row is a zero, bits that say which columns are NULL, and the values of the others one after another. Where a
value begins depends on those before it, so columns are cut from left to right, each for all rows at once.
Source: https://mariadb.com/kb/en/resultset-row/
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql.constants import FIELD_TYPE, FLAG

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.byte_strings import cut_bits, cut_bytes
from storage_adapters.mysql.columns import ServerField
from storage_adapters.mysql.moments import cut_dates, cut_moments, cut_times
from storage_adapters.mysql.places import Cut, Places, Sizes
from storage_adapters.mysql.wire import Block
from storage_adapters.text_columns import decode, naming

_BITS_BEFORE = 2
"""Bits of the bitmap that belong to no column."""


def decode_rows(
    source: str, schema: pa.Schema, sent: list[ServerField], block: Block
) -> list["pa.Array[Any]"]:
    """The columns `sent`, of which there is at least one row, in the types of the schema.

    Raises:
        ValueUnsupported: a value has no form in its column's type.
        ServerUntrusted: a row is not made of exactly so many values.
    """
    bitmap_bytes = (len(sent) + _BITS_BEFORE + 7) // 8
    begins = _within(block, block.begins + 1 + bitmap_bytes)
    arrays = []
    for number, (field, column) in enumerate(zip(schema, sent, strict=True), _BITS_BEFORE):
        bits = block.data[block.begins + 1 + number // 8]
        missing = bits & (1 << number % 8) > 0
        places = Places(data=block.data, begins=begins, missing=missing if missing.any() else None)
        with naming(source, field):
            values, sizes = _cut_of(column)(places)
        begins = _within(block, begins + (sizes if places.missing is None else sizes * ~missing))
        arrays.append(decode(source, field, values))
    if (begins != block.ends).any():
        raise ServerUntrusted("The server sent a row with more values than columns.")
    return arrays


def _within(block: Block, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places. Raises: ServerUntrusted: one lies behind the end of its row."""
    if (places > block.ends).any():
        raise ServerUntrusted("The server sent a row that ends within a value.")
    return places


def _cut_of(column: ServerField) -> Cut:
    """How a column's values are written."""
    signed, unsigned = _CUTS.get(column.type_code, (cut_bytes, cut_bytes))
    return unsigned if column.flags & FLAG.UNSIGNED else signed


def _fixed(name: str) -> Cut:
    kind = np.dtype(name)

    def cut(places: Places) -> tuple["pa.Array[Any]", Sizes]:
        return places.array(places.records(kind)), kind.itemsize

    return cut


def _either(cut: Cut) -> tuple[Cut, Cut]:
    return cut, cut


_CUTS: Mapping[int, tuple[Cut, Cut]] = {
    FIELD_TYPE.TINY: (_fixed("i1"), _fixed("u1")),
    FIELD_TYPE.SHORT: (_fixed("<i2"), _fixed("<u2")),
    FIELD_TYPE.YEAR: (_fixed("<i2"), _fixed("<u2")),
    FIELD_TYPE.INT24: (_fixed("<i4"), _fixed("<u4")),
    FIELD_TYPE.LONG: (_fixed("<i4"), _fixed("<u4")),
    FIELD_TYPE.LONGLONG: (_fixed("<i8"), _fixed("<u8")),
    FIELD_TYPE.FLOAT: _either(_fixed("<f4")),
    FIELD_TYPE.DOUBLE: _either(_fixed("<f8")),
    FIELD_TYPE.DATE: _either(cut_dates),
    FIELD_TYPE.NEWDATE: _either(cut_dates),
    FIELD_TYPE.DATETIME: _either(cut_moments(pa.timestamp("us"))),
    FIELD_TYPE.TIMESTAMP: _either(cut_moments(pa.timestamp("us", tz="UTC"))),
    FIELD_TYPE.TIME: _either(cut_times),
    FIELD_TYPE.BIT: _either(cut_bits),
}
"""How values are written, signed and unsigned; all that are missing here stand behind their length."""
