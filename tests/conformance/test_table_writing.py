"""The contract of table storages that write, over every one of them, against its real server."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from support.tables.places import PLACES, ROWS, TablePlace, read_table, tables_of

from storage_adapters.errors import (
    ColumnUnsupported,
    PermissionDenied,
    TableExists,
    UploadMissing,
    ValueUnsupported,
)
from storage_adapters.table_storage.contract import TableName, TableStorage

pytestmark = pytest.mark.real

WRITING = ["mysql"]


@pytest.fixture(scope="module", params=WRITING)
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture
def storage(place: TablePlace) -> TableStorage:
    return place.open()


def write(storage: TableStorage, table: TableName, rows: pa.Table = ROWS, *, replace: bool = False) -> None:
    storage.write_table(table, rows.schema, rows.to_batches(max_chunksize=300), replace=replace)


def test_what_was_written_is_read(storage: TableStorage, table: TableName) -> None:
    write(storage, table)
    assert read_table(storage, table) == ROWS
    assert storage.describe(table) == ROWS.schema
    assert table.database in list(storage.list_databases())
    assert table.table in tables_of(storage, table.database)


@pytest.mark.parametrize("name", ["a`b", "x; DROP TABLE y; --", 'it\'s "quoted"', "表/格 %41", "a.b", "*?["])
def test_any_name_of_a_table_is_only_a_name(storage: TableStorage, place: TablePlace, name: str) -> None:
    table = place.table(name)
    rows = pa.table({name: ["x"], "b`; --": ["y"]})
    write(storage, table, rows)
    assert read_table(storage, table) == rows
    assert table in [info.name for info in storage.list_tables(place.database)]
    storage.drop_table(table)
    storage.drop_table(table)
    assert name not in tables_of(storage, place.database)


def test_an_existing_table_is_replaced_only_when_asked(storage: TableStorage, table: TableName) -> None:
    write(storage, table, ROWS.slice(0, 10))
    with pytest.raises(TableExists):
        write(storage, table)
    assert read_table(storage, table).num_rows == 10
    write(storage, table, replace=True)
    assert read_table(storage, table) == ROWS


def test_a_failed_write_leaves_nothing_behind(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield ROWS.to_batches()[0]
        raise KeyError

    write(storage, table, ROWS.slice(0, 5))
    with pytest.raises(KeyError):
        storage.write_table(table, ROWS.schema, broken(), replace=True)
    with pytest.raises(ValueUnsupported):
        write(storage, table, pa.table({"x": [float("nan")]}), replace=True)
    with pytest.raises(ColumnUnsupported):
        write(storage, table, pa.table({"x": [[1]]}), replace=True)
    assert read_table(storage, table).num_rows == 5
    assert all_tables(place) == tables_of(storage, place.database)


def all_tables(place: TablePlace) -> list[str]:
    """The tables of the server, staging tables included."""
    query = f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{place.database}'"
    rows = pa.Table.from_batches(place.open().read_query(query))
    return sorted(rows["TABLE_NAME"].to_pylist())


def test_several_writers_make_one_table_and_each_piece_counts_once(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write_id = storage.begin_write(table, ROWS.schema)
    for number, start in ((1, 500), (0, 0), (1, 500)):
        rows = ROWS.slice(start, 500)
        assert place.open().write_partition(table, write_id, number, rows.to_batches()) == 500
    assert table.table not in tables_of(storage, place.database)
    storage.complete_write(table, write_id)
    storage.complete_write(table, write_id)
    assert read_table(storage, table).sort_by("id") == ROWS
    with pytest.raises(UploadMissing):
        storage.write_partition(table, write_id, 2, ROWS.to_batches())


def test_an_aborted_write_is_gone_and_can_be_aborted_again(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write_id = storage.begin_write(table, ROWS.schema)
    storage.write_partition(table, write_id, 0, ROWS.to_batches())
    storage.abort_write(table, write_id)
    storage.abort_write(table, write_id)
    assert all_tables(place) == tables_of(storage, place.database)
    with pytest.raises(UploadMissing):
        storage.complete_write(table, write_id)


def test_a_read_only_storage_writes_and_drops_nothing(place: TablePlace, table: TableName) -> None:
    write(place.open(), table)
    storage = place.open(read_only=True)
    with pytest.raises(PermissionDenied):
        write(storage, table, replace=True)
    with pytest.raises(PermissionDenied):
        storage.drop_table(table)
    assert read_table(storage, table) == ROWS
