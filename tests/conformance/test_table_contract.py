"""The contract of table storages, over every one of them, against its real server."""

from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa
import pytest
from table_places import TablePlace, mysql_place

from storage_adapters.errors import (
    ColumnUnsupported,
    PermissionDenied,
    QueryInvalid,
    QueryLimit,
    StorageError,
    StorageUnavailable,
    TableChanged,
    TableExists,
    TableMissing,
    UploadMissing,
    ValueUnsupported,
)
from storage_adapters.registry import open_tables
from storage_adapters.tables import WHOLE_TABLE, TableName, TableStorage

pytestmark = pytest.mark.real

PLACES = {"mysql": mysql_place}
ROWS = pa.table({"id": pa.array(range(1000)), "name": [f"名{n}" if n % 7 else None for n in range(1000)]})


@pytest.fixture(scope="module", params=sorted(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture
def storage(place: TablePlace) -> TableStorage:
    return place.open()


@pytest.fixture
def table(place: TablePlace, storage: TableStorage, request: pytest.FixtureRequest) -> Iterator[TableName]:
    """A name of this test's own, at which nothing stands."""
    name = place.table(f"t{abs(hash(request.node.name)):x}")
    yield name
    storage.drop_table(name)


def read(storage: TableStorage, table: TableName) -> pa.Table:
    return pa.Table.from_batches(storage.read_partition(table, WHOLE_TABLE))


def write(storage: TableStorage, table: TableName, rows: pa.Table = ROWS, *, replace: bool = False) -> None:
    storage.write_table(table, rows.schema, rows.to_batches(max_chunksize=300), replace=replace)


def tables_of(storage: TableStorage, database: str) -> list[str]:
    return [info.name.table for info in storage.list_tables(database)]


def test_check_says_who_answers(storage: TableStorage) -> None:
    health = storage.check()
    assert health.ok, health.detail


def test_what_was_written_is_read(storage: TableStorage, table: TableName) -> None:
    write(storage, table)
    assert read(storage, table) == ROWS
    assert storage.describe(table) == ROWS.schema
    assert table.database in list(storage.list_databases())
    assert table.table in tables_of(storage, table.database)


def test_a_table_without_rows_still_has_its_columns(storage: TableStorage, table: TableName) -> None:
    write(storage, table, ROWS.slice(0, 0))
    assert read(storage, table) == ROWS.slice(0, 0)


def test_a_missing_table_or_database_is_named(storage: TableStorage, place: TablePlace) -> None:
    for missing in (place.table("nowhere"), TableName(database="nowhere", table="t"), place.table("")):
        with pytest.raises(TableMissing):
            storage.describe(missing)
        with pytest.raises(TableMissing):
            list(storage.read_partition(missing, WHOLE_TABLE))
        with pytest.raises(TableMissing):
            list(storage.list_partitions(missing, rows=10))
    with pytest.raises(TableMissing):
        list(storage.list_tables("nowhere"))


def test_the_servers_own_tables_are_not_shown(storage: TableStorage) -> None:
    for database in ("mysql", "information_schema"):
        assert database not in list(storage.list_databases())
        with pytest.raises(TableMissing):
            storage.describe(TableName(database=database, table="user"))


@pytest.mark.parametrize("name", ["a`b", "x; DROP TABLE y; --", 'it\'s "quoted"', "表/格 %41", "a.b", "*?["])
def test_any_name_is_only_a_name(storage: TableStorage, place: TablePlace, name: str) -> None:
    table = place.table(name)
    rows = pa.table({name: ["x"], "b`; --": ["y"]})
    write(storage, table, rows)
    assert read(storage, table) == rows
    assert table in [info.name for info in storage.list_tables(place.database)]
    storage.drop_table(table)
    storage.drop_table(table)
    assert name not in tables_of(storage, place.database)


def test_an_existing_table_is_replaced_only_when_asked(storage: TableStorage, table: TableName) -> None:
    write(storage, table, ROWS.slice(0, 10))
    with pytest.raises(TableExists):
        write(storage, table)
    assert read(storage, table).num_rows == 10
    write(storage, table, replace=True)
    assert read(storage, table) == ROWS


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
    assert read(storage, table).num_rows == 5
    assert all_tables(place) == tables_of(storage, place.database)


def all_tables(place: TablePlace) -> list[str]:
    """What the server has, staging tables included."""
    query = f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{place.database}'"
    rows = pa.Table.from_batches(place.open().read_query(query))
    return sorted(rows["TABLE_NAME"].to_pylist())


def test_partitions_cover_every_row_once_and_are_the_same_again(
    storage: TableStorage, place: TablePlace, table: TableName
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
    storage: TableStorage, place: TablePlace, table: TableName
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
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write(storage, table)
    assert list(storage.list_partitions(table, rows=10)) == [WHOLE_TABLE]
    place.run(
        f"ALTER TABLE `{table.table}` ADD e ENUM('b', 'a') NOT NULL DEFAULT 'a', ADD PRIMARY KEY (id, e)"
    )
    assert list(storage.list_partitions(table, rows=10)) == [WHOLE_TABLE]


def test_a_reader_sees_the_table_as_it_was_when_it_began(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    rows = pa.table({"id": range(50_000), "v": [0] * 50_000})
    write(storage, table, rows)
    batches = storage.read_partition(table, WHOLE_TABLE)
    first = next(batches)
    place.run(f"UPDATE `{table.table}` SET v = 1", f"DELETE FROM `{table.table}` WHERE id % 2 = 0")
    whole = pa.Table.from_batches([first, *batches])
    assert whole == rows


def test_a_reader_that_stops_early_lets_the_server_go(storage: TableStorage, table: TableName) -> None:
    write(storage, table, pa.table({"s": ["x" * 1000] * 50_000}))
    batches = storage.read_partition(table, WHOLE_TABLE)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # the contract says Iterator, every adapter gives a generator
    storage.drop_table(table)  # would wait for a reader that is still there


def test_a_table_dropped_between_partitions_is_a_clear_error(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write(storage, table)
    place.run(f"ALTER TABLE `{table.table}` ADD PRIMARY KEY (id)")
    first, second, *_ = storage.list_partitions(table, rows=300)
    assert sum(batch.num_rows for batch in storage.read_partition(table, first)) == 300
    storage.drop_table(table)
    with pytest.raises(TableMissing, match=table.table):
        list(storage.read_partition(table, second))


def test_a_table_changed_between_partitions_is_a_clear_error(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write(storage, table)
    schema = storage.describe(table)
    place.run(f"ALTER TABLE `{table.table}` ADD more INT")
    with pytest.raises(TableChanged):
        list(storage.read_partition(table, WHOLE_TABLE, schema=schema))
    place.run(f"ALTER TABLE `{table.table}` ADD PRIMARY KEY (id)")
    piece = next(storage.list_partitions(table, rows=10))
    place.run(f"ALTER TABLE `{table.table}` DROP PRIMARY KEY")
    with pytest.raises(TableChanged):
        list(storage.read_partition(table, piece))


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
    assert read(storage, table).sort_by("id") == ROWS
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


def test_a_query_is_described_and_read(storage: TableStorage, place: TablePlace, table: TableName) -> None:
    write(storage, table)
    query = (
        f"SELECT id, CONCAT(name, '!') AS loud FROM `{place.database}`.`{table.table}` WHERE id < 3; -- all"
    )
    schema = storage.validate_query(query)
    assert schema.names == ["id", "loud"]
    rows = pa.Table.from_batches(storage.read_query(query))
    assert rows.schema == schema
    assert sorted(rows["id"].to_pylist()) == [0, 1, 2]
    assert pa.Table.from_batches(storage.read_query("SELECT 1 AS one WHERE FALSE")).num_rows == 0


@pytest.mark.parametrize(
    "query", ["DROP TABLE t", "SELECT 1; SELECT 2", "SELECT nothing", "SELECT 1 AS a, 2 AS a", "SELECT FROM"]
)
def test_a_query_that_is_not_one_select_is_refused(storage: TableStorage, query: str) -> None:
    with pytest.raises(QueryInvalid):
        storage.validate_query(query)
    with pytest.raises(QueryInvalid):
        list(storage.read_query(query))


def test_a_query_has_limits_of_rows_and_time(place: TablePlace, table: TableName) -> None:
    write(place.open(), table)
    name = f"`{place.database}`.`{table.table}`"
    with pytest.raises(QueryLimit, match="10 rows"):
        list(place.open(query_rows=10).read_query(f"SELECT id FROM {name}"))
    assert sum(b.num_rows for b in place.open(query_rows=1000).read_query(f"SELECT id FROM {name}")) == 1000
    slow = f"SELECT COUNT(*) AS n FROM {name} a, {name} b, {name} c, {name} d WHERE a.name <> d.name"
    with pytest.raises(QueryLimit):
        list(place.open(query_seconds=1).read_query(slow))


def test_a_query_cannot_write_even_through_a_function(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    write(storage, table)
    place.run(
        f"CREATE FUNCTION sneak() RETURNS INT BEGIN DELETE FROM `{table.table}`; RETURN 1; END",
    )
    with pytest.raises(PermissionDenied):
        list(storage.read_query(f"SELECT `{place.database}`.sneak() AS x"))
    assert read(storage, table).num_rows == 1000


def test_a_read_only_storage_writes_and_drops_nothing(place: TablePlace, table: TableName) -> None:
    write(place.open(), table)
    storage = place.open(read_only=True)
    with pytest.raises(PermissionDenied):
        write(storage, table, replace=True)
    with pytest.raises(PermissionDenied):
        storage.drop_table(table)
    assert read(storage, table) == ROWS


def test_a_wrong_password_and_a_dead_port_are_told_apart(place: TablePlace) -> None:
    wrong = place.open(password="wrong-and-secret")
    with pytest.raises(PermissionDenied) as caught:
        list(wrong.list_databases())
    health = wrong.check()
    assert not health.ok
    assert "wrong-and-secret" not in health.detail + str(caught.value)
    dead = place.open(port=1, connect_seconds=2)
    with pytest.raises(StorageUnavailable) as dead_caught:
        list(dead.list_databases())
    assert dead_caught.value.retryable
    assert not dead.check().ok


def test_tls_that_is_required_is_never_left_out(place: TablePlace) -> None:
    """The server of the tests has no certificate."""
    with pytest.raises(StorageError, match="SSL") as caught:
        list(place.open(tls="required").list_databases())
    assert caught.value.code == "STORAGE_MISCONFIGURED"


def test_a_server_connection_that_is_killed_can_be_tried_again(
    storage: TableStorage, place: TablePlace, table: TableName
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


def test_opening_needs_no_server() -> None:
    open_tables("mysql", "mysql://nobody@nowhere.invalid", {})
