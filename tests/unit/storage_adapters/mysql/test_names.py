"""Names reach the server between backticks, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import NameInvalid
from storage_adapters.mysql.catalog import quote_name, quote_table
from storage_adapters.table_storage.contract import TableName


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain", "`plain`"),
        ("a`b", "`a``b`"),
        ("`; DROP TABLE x; --", "```; DROP TABLE x; --`"),
        ("a'b\"c;d", "`a'b\"c;d`"),
        ("标签", "`标签`"),
        ("x" * 64, "`" + "x" * 64 + "`"),
    ],
)
def test_a_name_is_quoted_whatever_it_holds(name: str, quoted: str) -> None:
    assert quote_name(name) == quoted


@pytest.mark.parametrize("name", ["", "x" * 65, "a\0b", "😀", "space ", "\ud800"])
def test_a_name_the_server_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(NameInvalid):
        quote_name(name)


@given(st.text())
def test_a_quoted_name_has_no_backtick_that_ends_it_early(name: str) -> None:
    try:
        quoted = quote_name(name)
    except NameInvalid:
        return
    assert "`" not in quoted[1:-1].replace("``", "")
    assert quoted[1:-1].replace("``", "`") == name


def test_a_table_is_quoted_in_both_its_names() -> None:
    assert quote_table(TableName(database="a`b", table="c.d")) == "`a``b`.`c.d`"
