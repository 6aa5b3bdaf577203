"""Any names of a table make a path, and the path gives them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.table_storage.contract import TableName
from storage_adapters.table_storage.filesystem import path_table, split_path, table_path

NAMES = st.text(min_size=1, alphabet=st.characters(exclude_categories=("Cs",)))


@given(NAMES, NAMES)
def test_a_path_gives_the_names_back(database: str, table: str) -> None:
    name = TableName(database=database, table=table)
    path = table_path(name)
    assert path_table(path) == name
    assert path.count("/") == 1
    assert not set("*?#[]") & set(path)
    assert path.split("/")[0] not in (".", "..")


def test_paths_end_at_databases_or_tables() -> None:
    assert split_path("") == ("", "")
    assert split_path("sales/") == ("sales", "")
    assert split_path("sales/orders.parquet") == ("sales", "orders")


@pytest.mark.parametrize("path", ["a/b/c.parquet", "a/b.csv", "a/b"])
def test_other_paths_name_nothing(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        split_path(path)
    with pytest.raises(FileNotFoundError):
        path_table("a")
