"""Types by the names that the server gives them, and the fields that they become."""

import pyarrow as pa
import pytest

from storage_adapters.hive.columns import TYPES, arrow_type
from storage_adapters.hive.engines import HIVE, SPARK, Engine, engine_of


@pytest.mark.parametrize("engine", [HIVE, SPARK], ids=["hive", "spark"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name, kind in TYPES.items()),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("decimal(38,38)", pa.decimal128(38, 38)),
        ("varchar(65535)", pa.string()),
        ("char(1)", pa.string()),
        ("array<int>", pa.list_(pa.int32())),
        ("array<array<decimal(3,1)>>", pa.list_(pa.list_(pa.decimal128(3, 1)))),
        ("map<string,array<int>>", pa.map_(pa.string(), pa.list_(pa.int32()))),
        (
            "struct<a:int,b c:map<int,decimal(3,1)>,d:string>",
            pa.struct({"a": pa.int32(), "b c": pa.map_(pa.int32(), pa.decimal128(3, 1)), "d": pa.string()}),
        ),
    ],
)
def test_a_type_has_its_form_in_arrow(engine: Engine, name: str, kind: pa.DataType) -> None:
    assert arrow_type(name, engine) == kind


@pytest.mark.parametrize(
    "name",
    [
        "void",
        "interval day to second",
        "timestamp with local time zone",
        "uniontype<int,string>",
        "array",
        "array<interval day>",
        "array<int,int>",
        "map<int>",
        "struct<a:void>",
        "struct<no colon>",
        "number 99",
        "",
    ],
)
def test_a_type_without_one_has_none(name: str) -> None:
    assert arrow_type(name, SPARK) is None


def test_a_timestamp_is_a_moment_in_spark_and_has_no_zone_in_hive() -> None:
    assert arrow_type("timestamp", SPARK) == pa.timestamp("us", tz="UTC")
    assert arrow_type("timestamp", HIVE) == pa.timestamp("us")
    assert arrow_type("array<timestamp>", SPARK) == pa.list_(pa.timestamp("us", tz="UTC"))


def test_an_engine_is_known_by_its_own_name() -> None:
    assert engine_of("Spark SQL") is SPARK
    assert engine_of("Apache Hive") is HIVE
