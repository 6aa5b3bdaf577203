"""Ranges of keys as SQL and as tokens; a token can hold nothing but values."""

import json

import pytest

from storage_adapters.errors import TableChanged
from storage_adapters.mysql.catalog import KeyColumn
from storage_adapters.mysql.partitions import KeyRange, where_in_range

NUMBER = KeyColumn(name="id", data_type="bigint")
TEXT = KeyColumn(name="na`me", data_type="varchar")
DAY = KeyColumn(name="day", data_type="date")


def test_a_range_of_one_column() -> None:
    keys = KeyRange(after=(b"-5",), through=(b"10",))
    assert where_in_range([NUMBER], keys) == "WHERE (`id` > -5) AND NOT (`id` > 10) ORDER BY `id`"


def test_an_open_range_is_the_whole_table_in_order() -> None:
    assert where_in_range([NUMBER], KeyRange(after=None, through=None)) == "ORDER BY `id`"


def test_a_range_of_several_columns_is_written_out() -> None:
    keys = KeyRange(after=(b"2024-01-01", b"it's"), through=None)
    assert where_in_range([DAY, TEXT], keys) == (
        "WHERE (`day` >= '2024-01-01' AND (`day` > '2024-01-01' OR (`na``me` > _utf8mb4 x'69742773')))"
        " ORDER BY `day`, `na``me`"
    )


def test_a_token_gives_the_range_back() -> None:
    keys = KeyRange(after=None, through=(b"\x00\xff", "中文".encode()))
    assert KeyRange.from_token(keys.to_token()) == keys


@pytest.mark.parametrize(
    "token", ["x", "{}", "[]", '{"after": 1, "through": null}', '{"after": ["g"], "through": null}']
)
def test_a_text_that_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TableChanged):
        KeyRange.from_token(token)


@pytest.mark.parametrize("column", [NUMBER, DAY])
def test_a_token_cannot_carry_sql(column: KeyColumn) -> None:
    token = json.dumps({"after": [b"1 OR 1=1; DROP TABLE x".hex()], "through": None})
    with pytest.raises(TableChanged):
        where_in_range([column], KeyRange.from_token(token))


def test_a_key_that_was_changed_meanwhile_is_noticed() -> None:
    with pytest.raises(TableChanged):
        where_in_range([NUMBER, TEXT], KeyRange(after=(b"1",), through=None))
    with pytest.raises(TableChanged):
        where_in_range([KeyColumn(name="id", data_type="enum")], KeyRange(after=(b"1",), through=None))
