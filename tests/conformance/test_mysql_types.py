"""A table of types goes to MariaDB and comes back, and every type the server has itself is read."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables.places import TablePlace, mysql_place

from storage_adapters.errors import ColumnUnsupported, ValueUnsupported
from storage_adapters.table_storage.contract import WHOLE_TABLE

pytestmark = pytest.mark.real

UTC = dt.UTC
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
LARGE = st.sampled_from(["x" * 251, "数" * 25_000, "😀'\\" * 100])


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**precision - 1
    return st.integers(-top, top).map(lambda n: Decimal(f"{n}e-{scale}"))


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


COLUMNS: dict[pa.DataType, st.SearchStrategy[object]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): integers(8, signed=True),
    pa.int16(): integers(16, signed=True),
    pa.int32(): integers(32, signed=True),
    pa.int64(): integers(64, signed=True),
    pa.uint8(): integers(8, signed=False),
    pa.uint16(): integers(16, signed=False),
    pa.uint32(): integers(32, signed=False),
    pa.uint64(): integers(64, signed=False),
    pa.float32(): st.floats(width=32, allow_nan=False, allow_infinity=False),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.decimal128(10, 2): decimals(10, 2),
    pa.decimal128(38, 0): decimals(38, 0),
    pa.decimal256(65, 30): decimals(65, 30),
    pa.string(): TEXT | LARGE,
    pa.binary(): st.binary(max_size=50) | LARGE.map(str.encode),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("us", tz="UTC"): st.datetimes(
        dt.datetime(1970, 1, 1, 0, 0, 1),  # noqa: DTZ001 - hypothesis adds the zone
        dt.datetime(2038, 1, 19),  # noqa: DTZ001 - as above
        timezones=st.just(UTC),
    ),
    pa.time64("us"): st.times(),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A few rows of every type, NULL in any place."""
    rows = draw(st.integers(0, 5))
    arrays = {
        f"c{number} {kind}": pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
        for number, (kind, values) in enumerate(COLUMNS.items())
    }
    return pa.table(arrays)


@pytest.fixture(scope="module")
def place() -> Iterator[TablePlace]:
    with mysql_place() as found:
        yield found


@given(rows=tables())
@settings(max_examples=25)
def test_a_table_of_types_survives_both_ways(place: TablePlace, rows: pa.Table) -> None:
    storage, table = place.open(), place.table("types")
    storage.write_table(table, rows.schema, rows.to_batches(), replace=True)
    back = pa.Table.from_batches(storage.read_partition(table, WHOLE_TABLE))
    assert back.schema == rows.schema
    assert back.to_pydict() == rows.to_pydict()


def test_the_bounds_of_floats_survive_both_ways(place: TablePlace) -> None:
    storage, table = place.open(), place.table("bounds")
    kinds = {
        "half": (np.float16, pa.float32()),
        "single": (np.float32, pa.float32()),
        "double": (np.float64, pa.float64()),
    }
    bounds = {name: bounds_of(kind) for name, (kind, _) in kinds.items()}
    rows = pa.table({name: pa.array(values) for name, values in bounds.items()})
    storage.write_table(table, rows.schema, rows.to_batches())
    back = pa.Table.from_batches(storage.read_partition(table, WHOLE_TABLE))
    assert back.schema.types == [read_as for _, read_as in kinds.values()]
    assert back.to_pydict() == {name: values.tolist() for name, values in bounds.items()}


def bounds_of(kind: type[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """The largest, the smallest and the last distinct values of a kind of float."""
    info = np.finfo(kind)
    return np.array([info.max, info.min, info.tiny, info.eps, 0], kind)


def test_types_of_the_server_itself_are_read(place: TablePlace) -> None:
    place.run(
        "CREATE TABLE own (e ENUM('红', 'b'), s SET('x', 'y'), j JSON, b BIT(12), flag BIT(1), y YEAR,"
        " z INT(5) UNSIGNED ZEROFILL, m MEDIUMINT, c CHAR(3) CHARACTER SET latin1, g VARCHAR(9) CHARACTER SET gbk,"
        " bin BINARY(3), u UUID, f FLOAT, d DOUBLE UNSIGNED, ts TIMESTAMP(3) NULL, t TIME(2), dt DATETIME)",
        "SET time_zone = '+08:00'",
        """INSERT INTO own VALUES ('红', 'x,y', '{"a": "名"}', b'100000000001', b'1', 2024, 42, -8388608, 'é', '汉字',"""
        " x'0001', '6ccd780c-baba-1026-9564-5b8c656024db', 16777217.0, 1e-5, NULL, '12:34:56.78', '2024-01-02 03:04:05')",
        "INSERT INTO own () VALUES ()",
    )
    storage, table = place.open(), place.table("own")
    rows = pa.Table.from_batches(storage.read_partition(table, WHOLE_TABLE)).to_pylist()
    assert rows[0] == {
        "e": "红",
        "s": "x,y",
        "j": '{"a": "名"}',
        "b": 0b100000000001,
        "flag": True,
        "y": 2024,
        "z": 42,
        "m": -8388608,
        "c": "é",
        "g": "汉字",
        "bin": b"\x00\x01\x00",
        "f": 16777216.0,
        "d": 1e-5,
        "ts": None,
        "u": "6ccd780c-baba-1026-9564-5b8c656024db",
        "t": dt.time(12, 34, 56, 780000),
        "dt": dt.datetime(2024, 1, 2, 3, 4, 5),  # noqa: DTZ001 - a DATETIME has no zone
    }
    assert set(rows[1].values()) == {None}
    wrapped = f"SELECT * FROM `{place.database}`.own"
    assert pa.Table.from_batches(storage.read_query(wrapped)).to_pylist() == rows


def test_a_timestamp_is_read_as_utc_whatever_the_server_shows(place: TablePlace) -> None:
    place.run(
        "CREATE TABLE moments (t TIMESTAMP NULL)",
        "SET time_zone = '+08:00'",
        "INSERT INTO moments VALUES ('2024-01-02 03:04:05')",
    )
    rows = pa.Table.from_batches(place.open().read_partition(place.table("moments"), WHOLE_TABLE))
    assert rows["t"].to_pylist() == [dt.datetime(2024, 1, 1, 19, 4, 5, tzinfo=UTC)]


def test_a_type_without_an_arrow_form_is_named(place: TablePlace) -> None:
    place.run("CREATE TABLE places (id INT, spot POINT)")
    with pytest.raises(ColumnUnsupported, match=rf"'spot' of {place.database}\.places .* GEOMETRY"):
        place.open().describe(place.table("places"))


@pytest.mark.parametrize(("kind", "value"), [("TIME", "-01:00:00"), ("DATE", "0000-00-00")])
def test_a_value_without_an_arrow_form_is_named(place: TablePlace, kind: str, value: str) -> None:
    name = f"odd_{kind.lower()}"
    place.run(
        f"CREATE TABLE {name} (v {kind})", "SET sql_mode = ''", f"INSERT INTO {name} VALUES ('{value}')"
    )
    with pytest.raises(ValueUnsupported, match=rf"'v' of {place.database}\.{name}"):
        list(place.open().read_partition(place.table(name), WHOLE_TABLE))


def test_a_moment_that_timestamp_cannot_hold_is_refused(place: TablePlace) -> None:
    rows = pa.table({"t": pa.array([dt.datetime(1900, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))})
    with pytest.raises(ValueUnsupported):
        place.open().write_table(place.table("early"), rows.schema, rows.to_batches())


def test_a_row_larger_than_the_server_takes_is_refused_in_words(place: TablePlace) -> None:
    rows = pa.table({"b": [b"x" * 20_000_000]})
    with pytest.raises(ValueUnsupported, match="max_allowed_packet"):
        place.open().write_table(place.table("wide"), rows.schema, rows.to_batches())


def test_a_row_of_more_than_16_mib_is_read(place: TablePlace) -> None:
    rows = place.open().read_query(
        "SELECT REPEAT('a', 12000000) AS x, REPEAT('b', 12000000) AS y UNION ALL SELECT 'c', NULL"
    )
    assert pa.Table.from_batches(rows).to_pylist() == [
        {"x": "a" * 12_000_000, "y": "b" * 12_000_000},
        {"x": "c", "y": None},
    ]
