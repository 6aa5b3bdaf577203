"""Names and texts cannot end what they stand in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import NameInvalid
from storage_adapters.hive.catalog import quote_name, quote_table, text_literal
from storage_adapters.table_storage.contract import TableName


@given(st.text(min_size=1).filter(lambda name: "${" not in name and "\0" not in name))
def test_a_quoted_name_ends_where_it_should(name: str) -> None:
    quoted = quote_name(name)
    assert quoted[1:-1].replace("``", "").count("`") == 0
    assert quoted[1:-1].replace("``", "`") == name


@pytest.mark.parametrize("name", ["", "${env:HOME}", "a${b}", "a\0"])
def test_a_name_that_the_server_would_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(NameInvalid):
        quote_name(name)


def test_a_table_is_quoted_in_two_parts() -> None:
    assert quote_table(TableName(database="a.b", table="c`; --")) == "`a.b`.`c``; --`"


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_text_is_only_hexadecimal_digits(text: str) -> None:
    digits = text_literal(text).removeprefix("CAST(unhex('").removesuffix("') AS STRING)")
    assert bytes.fromhex(digits).decode() == text
