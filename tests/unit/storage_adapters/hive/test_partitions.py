"""A partition's own text becomes a condition that can hold nothing else."""

import pyarrow as pa
import pytest

from storage_adapters.errors import TableChanged
from storage_adapters.hive.columns import Column
from storage_adapters.hive.reading import where_in_partition

COLUMNS = [
    Column(field=pa.field("year", pa.int32()), type_name="int"),
    Column(field=pa.field("a`b", pa.string()), type_name="string"),
]


def test_a_value_is_compared_in_its_columns_type() -> None:
    assert (
        where_in_partition(COLUMNS, "year=2024")
        == "WHERE `year` = CAST(CAST(unhex('32303234') AS STRING) AS int)"
    )


def test_names_and_values_are_decoded_and_quoted() -> None:
    condition = where_in_partition(COLUMNS, "YEAR=1/a`b=%27 OR 1=1")
    assert condition == (
        "WHERE `YEAR` = CAST(CAST(unhex('31') AS STRING) AS int)"
        " AND `a``b` = CAST(CAST(unhex('27204f5220313d31') AS STRING) AS string)"
    )


def test_a_missing_value_is_null() -> None:
    condition = where_in_partition(COLUMNS, "year=__HIVE_DEFAULT_PARTITION__")
    assert condition.startswith("WHERE (`year` IS NULL OR ")


@pytest.mark.parametrize("token", ["month=1", "year", "1=1 OR year=1", "/", '{"after": null}'])
def test_what_is_no_partition_of_the_table_is_refused(token: str) -> None:
    with pytest.raises(TableChanged):
        where_in_partition(COLUMNS, token)
