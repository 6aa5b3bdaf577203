"""Types: from the server's columns to Arrow, from Arrow to a new table's columns."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from pymysql.constants import FIELD_TYPE, FLAG
from support.tables.binary_rows import ServerColumn

from storage_adapters.errors import ColumnUnsupported, NameInvalid, ValueUnsupported
from storage_adapters.mysql.columns import read_columns
from storage_adapters.mysql.definitions import define_columns
from storage_adapters.mysql.writing import row_literals


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (ServerColumn(FIELD_TYPE.TINY), pa.int8()),
        (ServerColumn(FIELD_TYPE.LONGLONG, FLAG.UNSIGNED), pa.uint64()),
        (ServerColumn(FIELD_TYPE.NEWDECIMAL, length=12, scale=2), pa.decimal128(10, 2)),
        (ServerColumn(FIELD_TYPE.NEWDECIMAL, FLAG.UNSIGNED, length=10), pa.decimal128(10, 0)),
        (ServerColumn(FIELD_TYPE.NEWDECIMAL, length=67, scale=30), pa.decimal256(65, 30)),
        (ServerColumn(FIELD_TYPE.VAR_STRING), pa.string()),
        (ServerColumn(FIELD_TYPE.BLOB, charsetnr=63), pa.binary()),
        (ServerColumn(FIELD_TYPE.BIT, length=1), pa.bool_()),
        (ServerColumn(FIELD_TYPE.BIT, length=9), pa.uint64()),
        (ServerColumn(FIELD_TYPE.TIMESTAMP), pa.timestamp("us", tz="UTC")),
        (ServerColumn(FIELD_TYPE.DATETIME), pa.timestamp("us")),
        (ServerColumn(FIELD_TYPE.TIME), pa.time64("us")),
        (ServerColumn(FIELD_TYPE.JSON, charsetnr=63), pa.string()),
    ],
)
def test_a_column_of_the_server_has_an_arrow_type(field: ServerColumn, kind: pa.DataType) -> None:
    assert read_columns("d.t", [field]) == pa.schema([("c", kind)])


def test_a_column_without_an_arrow_type_is_named_with_its_table() -> None:
    with pytest.raises(ColumnUnsupported, match=r"'c' of d\.t .* GEOMETRY"):
        read_columns("d.t", [ServerColumn(FIELD_TYPE.GEOMETRY)])


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int32()),
        pa.struct([("a", pa.int32())]),
        pa.null(),
        pa.duration("us"),
        pa.decimal256(76, 2),
        pa.decimal128(10, -2),
    ],
)
def test_an_arrow_type_without_a_column_type_is_named_with_its_table(kind: pa.DataType) -> None:
    with pytest.raises(ColumnUnsupported, match=r"'c' of d\.t"):
        define_columns("d.t", pa.schema([("c", kind)]))


def test_columns_are_defined_with_quoted_names() -> None:
    schema = pa.schema(
        [pa.field("a`b", pa.uint64(), nullable=False), pa.field("t", pa.timestamp("ms", tz="UTC"))]
    )
    assert define_columns("d.t", schema) == ["`a``b` BIGINT UNSIGNED NOT NULL", "`t` TIMESTAMP(3) NULL"]
    with pytest.raises(NameInvalid):
        define_columns("d.t", pa.schema([("😀", pa.int8())]))


def test_text_is_quoted_so_that_nothing_ends_it() -> None:
    batch = pa.record_batch({"c": ["a'b", "\\", "\\' OR 1", "x\0y", "中文😀", None]})
    assert list(row_literals("d.t", batch)) == [
        [b"('a''b')", b"('\\\\')", b"('\\\\'' OR 1')", b"('x\\0y')", "('中文😀')".encode(), b"(NULL)"]
    ]


def test_values_of_other_types_have_their_text() -> None:
    batch = pa.record_batch(
        {
            "b": pa.array([b"\x00'", None]),
            "t": pa.array([True, False]),
            "d": pa.array([dt.date(2024, 2, 29), None]),
            "z": pa.array(
                [dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC), None], pa.timestamp("ns", tz="Asia/Shanghai")
            ),
            "n": pa.array([Decimal("1E-12"), None], pa.decimal128(30, 20)),
            "k": pa.array(["x", None]).dictionary_encode(),
        }
    )
    assert list(row_literals("d.t", batch)) == [
        [
            b"(x'0027',1,'2024-02-29','2024-01-02 03:00:00.000000','1.00000000E-12','x')",
            b"(NULL,0,NULL,NULL,NULL,NULL)",
        ]
    ]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.0, float("nan")]),
        pa.array([float("inf")]),
        pa.array([1], pa.timestamp("ns")),
        pa.array([1], pa.time64("ns")),
    ],
)
def test_a_value_the_server_cannot_have_names_its_column(values: pa.Array) -> None:
    with pytest.raises(ValueUnsupported, match=r"'c' of d\.t"):
        list(row_literals("d.t", pa.record_batch({"c": values})))
