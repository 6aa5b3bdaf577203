"""Thrift's columns become Arrow's, NULL by its bit and every other value by itself."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from impala._thrift_gen.TCLIService import ttypes

from storage_adapters.errors import ValueUnsupported
from storage_adapters.hive.rows import as_field, wire_array


def column(values: list[bytes], nulls: bytes = b"") -> ttypes.TColumn:
    return ttypes.TColumn(stringVal=ttypes.TStringColumn(values=values, nulls=nulls))


@given(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=40))
def test_numbers_and_nulls_survive(values: list[int | None]) -> None:
    bits = sum(1 << place for place, value in enumerate(values) if value is None)
    nulls = bits.to_bytes(8, "little").rstrip(b"\0")  # the server leaves out what is zero at the end
    wire = ttypes.TColumn(i32Val=ttypes.TI32Column(values=[value or 0 for value in values], nulls=nulls))
    array = wire_array(wire)
    array.validate(full=True)
    assert array.type == pa.int32()
    assert array.to_pylist() == values


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (pa.string(), "名".encode(), "名"),
        (pa.binary(), b"\xff\x00", b"\xff\x00"),
        (pa.decimal128(38, 2), b"-1.5", Decimal("-1.50")),
        (pa.date32(), b"0001-01-02", dt.date(1, 1, 2)),
        (
            pa.timestamp("us"),
            b"2024-01-02 03:04:05.1",
            dt.datetime(2024, 1, 2, 3, 4, 5, 100000),  # noqa: DTZ001 - it has no zone
        ),
        (
            pa.timestamp("us", tz="UTC"),
            b"2024-01-02 03:04:05",
            dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        ),
    ],
)
def test_text_is_read_as_its_columns_type(kind: pa.DataType, text: bytes, value: object) -> None:
    array = as_field("t", pa.field("v", kind), wire_array(column([text, b""], b"\x02")))
    assert array.type == kind
    assert array.to_pylist() == [value, None]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.string(), b"\xff"),
        (pa.timestamp("us"), b"2024-01-02 03:04:05.123456789"),  # Hive has them; cut off they would be others
        (pa.timestamp("us"), b"+10000-01-01 00:00:00"),
        (pa.date32(), b"-0001-01-01"),
    ],
)
def test_a_value_without_a_form_is_named(kind: pa.DataType, text: bytes) -> None:
    with pytest.raises(ValueUnsupported, match="'v' of t"):
        as_field("t", pa.field("v", kind), wire_array(column([text])))
