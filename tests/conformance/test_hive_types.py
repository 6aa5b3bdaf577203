"""Every type of the server is read, the same way from the server itself and from what it pushes down."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from support.tables.places import PLACES, HivePlace, read_table

from storage_adapters.errors import ColumnUnsupported, ValueUnsupported
from storage_adapters.hive.engines import HIVE
from storage_adapters.hive.query_rules import SPARK_SQL

pytestmark = pytest.mark.real

UTC = dt.UTC
INFINITY = float("inf")
LARGEST_FLOAT = 3.4028234663852886e38

TYPES: list[tuple[str, pa.DataType, dict[str, object]]] = [
    ("boolean", pa.bool_(), {"true": True, "false": False}),
    ("tinyint", pa.int8(), {"-128": -128, "127": 127}),
    ("smallint", pa.int16(), {"-32768": -32768, "32767": 32767}),
    ("int", pa.int32(), {"-2147483648": -(2**31), "2147483647": 2**31 - 1}),
    ("bigint", pa.int64(), {"-9223372036854775808": -(2**63), "9223372036854775807": 2**63 - 1}),
    ("float", pa.float32(), {"1.5": 1.5, "3.4028235e38": LARGEST_FLOAT, "-Infinity": -INFINITY}),
    ("double", pa.float64(), {"0.1": 0.1, "1.7976931348623157e308": 1.7976931348623157e308, "-0.0": -0.0}),
    ("decimal(10,2)", pa.decimal128(10, 2), {"-12345678.90": Decimal("-12345678.90"), "0": Decimal("0.00")}),
    ("decimal(38,0)", pa.decimal128(38, 0), {"9" * 38: Decimal("9" * 38)}),
    ("decimal(38,38)", pa.decimal128(38, 38), {"1e-38": Decimal("1E-38")}),
    ("string", pa.string(), {"名 😀": "名 😀", "": "", "a'b\\\\c": "a'b\\c"}),
    ("binary", pa.binary(), {"名": "名".encode(), "": b""}),
    ("date", pa.date32(), {"0001-01-01": dt.date(1, 1, 1), "9999-12-31": dt.date(9999, 12, 31)}),
    (
        "timestamp",
        pa.timestamp("us", tz="UTC"),
        {
            "2024-01-02T03:04:05.123456+08:00": dt.datetime(2024, 1, 1, 19, 4, 5, 123456, UTC),
            "0001-01-01T00:00:00Z": dt.datetime(1, 1, 1, tzinfo=UTC),
            "9999-12-31T23:59:59.999999Z": dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        },
    ),
    (
        "timestamp_ntz",
        pa.timestamp("us"),
        {
            "2024-01-02 03:04:05.5": dt.datetime(2024, 1, 2, 3, 4, 5, 500000),  # noqa: DTZ001 - it has no zone
            "1582-10-10 00:00:00": dt.datetime(1582, 10, 10),  # noqa: DTZ001 - as above; a day that one calendar skips
        },
    ),
]
"""The server's type, Arrow's, and values as the server's text with what they are read as."""


@pytest.fixture(scope="module", params=["hive", "hive-pushed"])
def place(request: pytest.FixtureRequest) -> Iterator[HivePlace]:
    with PLACES[request.param]() as found:
        assert isinstance(found, HivePlace)
        yield found


def test_a_table_of_types_is_read(place: HivePlace) -> None:
    most = max(len(values) for _, _, values in TYPES)
    texts = [[*values, *["NULL"] * (most + 1 - len(values))] for _, _, values in TYPES]
    selects = [
        "SELECT "
        + ", ".join(
            f"CAST({'NULL' if row[number] == 'NULL' else quoted(row[number])} AS {kind}) AS c{column}"
            for column, ((kind, _, _), row) in enumerate(zip(TYPES, texts, strict=True))
        )
        for number in range(most + 1)
    ]
    place.run(f"CREATE TABLE types USING orc AS {' UNION ALL '.join(selects)}")
    storage, table = place.open(), place.table("types")
    rows = read_table(storage, table)
    assert rows.schema.types == [kind for _, kind, _ in TYPES]
    assert storage.describe(table) == rows.schema
    for column, (kind, _, values) in zip(rows.columns, TYPES, strict=True):
        wanted = [repr(value) for value in (*values.values(), *[None] * (most + 1 - len(values)))]
        assert sorted(map(repr, plain(column))) == sorted(wanted), kind


def quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def plain(column: "pa.ChunkedArray") -> list[object]:
    """The values; moments with Python's own UTC, which is written shorter."""
    return [
        value.astimezone(UTC) if isinstance(value, dt.datetime) and value.tzinfo else value
        for value in column.to_pylist()
    ]


def test_text_of_bounded_length_and_numbers_that_are_none_are_read(place: HivePlace) -> None:
    place.run(
        "CREATE TABLE bounded (v VARCHAR(9), c CHAR(5), n DOUBLE, f FLOAT) USING orc",
        "INSERT INTO bounded VALUES ('名', '名', double('NaN'), float('NaN'))",
    )
    rows = read_table(place.open(), place.table("bounded"))
    assert rows.schema.types == [pa.string(), pa.string(), pa.float64(), pa.float32()]
    assert [repr(value) for value in rows.to_pylist()[0].values()] == ["'名'", "'名    '", "nan", "nan"]


@pytest.mark.parametrize("expression", ["INTERVAL 1 DAY", "NULL"])
def test_a_type_without_an_arrow_form_is_named(place: HivePlace, expression: str) -> None:
    with pytest.raises(ColumnUnsupported, match=r"'odd' of the query .* (interval|void)"):
        place.open().validate_query(f"SELECT 1 AS id, {expression} AS odd")


NESTED = "SELECT array(1, NULL) AS a, map('k', 1.5D) AS m, named_struct('x', 1, 'y z', array('名')) AS s"


@pytest.mark.parametrize("place", ["hive-pushed"], indirect=True)
def test_arrays_maps_and_structs_are_read_when_they_are_pushed_down(place: HivePlace) -> None:
    rows = pa.Table.from_batches(place.open().read_query(NESTED))
    assert rows.schema == place.open().validate_query(NESTED)
    assert rows.to_pylist() == [{"a": [1, None], "m": [("k", 1.5)], "s": {"x": 1, "y z": ["名"]}}]


@pytest.mark.parametrize("place", ["hive"], indirect=True)
def test_arrays_maps_and_structs_are_refused_from_the_server_itself(place: HivePlace) -> None:
    with pytest.raises(ColumnUnsupported, match=r"'a' of the query .* array<int>.*'staging'"):
        list(place.open().read_query(NESTED))
    text = pa.Table.from_batches(place.open().read_query("SELECT to_json(array(1, 2)) AS a"))
    assert text.to_pylist() == [{"a": "[1,2]"}]


@pytest.mark.parametrize("place", ["hive-pushed"], indirect=True)
def test_text_that_is_not_utf8_is_named_where_it_comes_as_it_is(place: HivePlace) -> None:
    query = "SELECT CAST(unhex('FF') AS STRING) AS broken"
    with pytest.raises(ValueUnsupported, match="'broken' of the query"):
        list(place.open().read_query(query))


def test_hives_own_spelling_gives_the_same(place: HivePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark understands what Hive is asked; Hive's TIMESTAMP has no zone. The query itself is Spark's."""
    hive = replace(HIVE, queries=SPARK_SQL)
    monkeypatch.setattr("storage_adapters.hive.session.engine_of", lambda _server: hive)
    query = (
        "SELECT id, CAST(1.5 AS DECIMAL(5,2)) AS n, '名' AS s, DATE'0001-01-02' AS d, id > 0 AS b,"
        " TIMESTAMP_NTZ'0001-01-02 03:04:05.123456' AS t FROM range(2)"
    )
    rows = pa.Table.from_batches(place.open().read_query(query))
    assert place.open().validate_query(query) == rows.schema
    assert rows.sort_by("id").to_pylist() == [
        {
            "id": number,
            "n": Decimal("1.50"),
            "s": "名",
            "d": dt.date(1, 1, 2),
            "b": number > 0,
            "t": dt.datetime(1, 1, 2, 3, 4, 5, 123456),  # noqa: DTZ001 - Hive's has no zone
        }
        for number in range(2)
    ]
    with pytest.raises(ColumnUnsupported, match="array"):
        place.open().validate_query("SELECT array(1) AS a")
