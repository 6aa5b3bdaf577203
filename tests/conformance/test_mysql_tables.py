"""MySQL's own: partitions along its keys, snapshots, functions that write, and sessions that end."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from support.tables.places import ROWS, MysqlPlace, mysql_place, read_table

from storage_adapters.errors import (
    PermissionDenied,
    QueryInvalid,
    QueryLimit,
    StorageUnavailable,
    TableChanged,
    UploadMissing,
)
from storage_adapters.mysql import staging
from storage_adapters.table_storage.contract import WHOLE_TABLE, TableName, TableStorage

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def place() -> Iterator[MysqlPlace]:
    with mysql_place() as found:
        yield found


@pytest.fixture
def storage(place: MysqlPlace) -> TableStorage:
    return place.open()


def write(storage: TableStorage, table: TableName, rows: pa.Table = ROWS, *, replace: bool = False) -> None:
    storage.write_table(table, rows.schema, rows.to_batches(max_chunksize=300), replace=replace)


def test_partitions_have_as_many_rows_as_were_asked_for(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write(storage, table)
    place.run(f"ALTER TABLE `{table.table}` ADD PRIMARY KEY (id)")
    partitions = list(storage.list_partitions(table, rows=300))
    assert [partition.number for partition in partitions] == [0, 1, 2, 3]
    assert partitions == list(place.open().list_partitions(table, rows=300))
    pieces = [pa.Table.from_batches(storage.read_partition(table, piece)) for piece in partitions]
    assert [piece.num_rows for piece in pieces] == [300, 300, 300, 100]
    assert pa.concat_tables(pieces)["id"].to_pylist() == list(range(1000))


def test_a_key_of_several_columns_cuts_a_table(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    rows = pa.table({"day": [f"d{n % 3}'\\" for n in range(100)], "n": range(100), "x": range(100)})
    write(storage, table, rows)
    place.run(
        f"ALTER TABLE `{table.table}` MODIFY day VARCHAR(20) COLLATE utf8mb4_unicode_ci, ADD PRIMARY KEY (day, n)"
    )
    partitions = list(storage.list_partitions(table, rows=7))
    assert len(partitions) == 15
    seen = [
        (row["day"], row["n"])
        for piece in partitions
        for batch in storage.read_partition(table, piece)
        for row in batch.to_pylist()
    ]
    assert len(seen) == 100
    assert all(one < other for one, other in pairwise(seen))


def test_a_table_without_a_usable_key_is_one_piece(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write(storage, table)
    assert list(storage.list_partitions(table, rows=10)) == [WHOLE_TABLE]
    place.run(
        f"ALTER TABLE `{table.table}` ADD e ENUM('b', 'a') NOT NULL DEFAULT 'a', ADD PRIMARY KEY (id, e)"
    )
    assert list(storage.list_partitions(table, rows=10)) == [WHOLE_TABLE]


def test_a_reader_sees_the_table_as_it_was_when_it_began(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    rows = pa.table({"id": range(50_000), "v": [0] * 50_000})
    write(storage, table, rows)
    batches = storage.read_partition(table, WHOLE_TABLE)
    first = next(batches)
    place.run(f"UPDATE `{table.table}` SET v = 1", f"DELETE FROM `{table.table}` WHERE id % 2 = 0")
    whole = pa.Table.from_batches([first, *batches])
    assert whole == rows


def test_the_columns_of_a_query_are_known_without_running_it(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    """The server would count first, and give no row."""
    write(storage, table)
    name = f"`{place.database}`.`{table.table}`"
    count = f"SELECT COUNT(*) FROM {', '.join(f'{name} AS t{number}' for number in range(5))}"
    slow = f"SELECT ({count}) AS c"
    schema = place.open(query_seconds=3).validate_query(slow)
    assert schema.equals(pa.schema([("c", pa.int64())]))
    with pytest.raises(QueryLimit):
        list(place.open(query_seconds=3).read_query(slow))


def test_a_query_cannot_write_even_through_a_function(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write(storage, table)
    place.run(
        f"CREATE FUNCTION sneak() RETURNS INT BEGIN DELETE FROM `{table.table}`; RETURN 1; END",
    )
    query = f"SELECT `{place.database}`.sneak() AS x"
    with pytest.raises(QueryInvalid, match="sneak"):
        list(storage.read_query(query))
    allowed = place.open(functions=f"{place.database}.sneak")
    with pytest.raises(PermissionDenied):
        list(allowed.read_query(query))
    assert read_table(storage, table).num_rows == 1000


def test_a_server_connection_that_is_killed_can_be_tried_again(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write(storage, table, pa.table({"s": ["x" * 1000] * 50_000}))
    batches = storage.read_partition(table, WHOLE_TABLE)
    next(batches)
    sessions = pa.Table.from_batches(
        storage.read_query(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%`s`%' AND INFO NOT LIKE '%PROCESSLIST%'"
        )
    )
    for session in sessions["ID"].to_pylist():
        place.run(f"KILL {session}")
    with pytest.raises(StorageUnavailable):
        list(batches)


def test_the_next_write_removes_what_a_killed_writer_left_a_week_ago(
    storage: TableStorage, place: MysqlPlace, table: TableName, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = storage.begin_write(table, ROWS.schema)
    second = storage.begin_write(table, ROWS.schema)
    assert storage.write_partition(table, first, 0, ROWS.to_batches()) == 1000, "a young one stays"

    # By a clock that is far ahead, both are old.
    monkeypatch.setattr(staging, "ABANDONED_AFTER", timedelta(hours=-1))
    third = storage.begin_write(table, ROWS.schema)

    for gone in (first, second):
        with pytest.raises(UploadMissing):
            storage.write_partition(table, gone, 0, ROWS.to_batches())
    assert storage.write_partition(table, third, 0, ROWS.to_batches()) == 1000
    storage.abort_write(table, third)


def test_a_key_that_is_gone_is_a_clear_error(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write(storage, table)
    place.run(f"ALTER TABLE `{table.table}` ADD PRIMARY KEY (id)")
    piece = next(storage.list_partitions(table, rows=10))
    place.run(f"ALTER TABLE `{table.table}` DROP PRIMARY KEY")
    with pytest.raises(TableChanged):
        list(storage.read_partition(table, piece))


def test_a_wrong_password_is_told_without_it(place: MysqlPlace) -> None:
    wrong = place.open(password="wrong-and-secret")
    with pytest.raises(PermissionDenied) as caught:
        list(wrong.list_databases())
    health = wrong.check()
    assert not health.ok
    assert "wrong-and-secret" not in health.detail + str(caught.value)
