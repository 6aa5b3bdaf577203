"""The contract of table storages over every one of them, against its real server; writing is in
`test_table_writing`."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from support.servers.cut_proxy import cut_proxy
from support.tables.places import PLACES, ROWS, TablePlace, read_table, tables_of

from storage_adapters.errors import (
    NotSupported,
    QueryInvalid,
    QueryLimit,
    StorageError,
    StorageUnavailable,
    TableChanged,
    TableMissing,
)
from storage_adapters.registry import open_tables
from storage_adapters.table_storage.contract import WHOLE_TABLE, Partition, TableName, TableStorage

pytestmark = pytest.mark.real


class CalledOff(Exception):
    """The caller no longer needs the answer."""


A_MINUTE = 60
READ_BY = pytest.mark.parametrize("place", sorted(PLACES), indirect=True)
"""For tests that depend on how rows arrive: also over results that an engine pushes down."""


@pytest.fixture(scope="module", params=["hive", "mysql"])
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture
def storage(place: TablePlace) -> TableStorage:
    return place.open()


@pytest.fixture(scope="module")
def rows(place: TablePlace) -> TableName:
    """A table that holds `ROWS`."""
    table = place.table("rows_of_all_tests")
    place.fill(table, ROWS)
    return table


@pytest.fixture(scope="module")
def wide(place: TablePlace) -> TableName:
    """A table of 50 MB."""
    table = place.table("wide")
    place.fill(table, pa.table({"s": ["x" * 1000] * 50_000}))
    return table


def test_check_says_who_answers(storage: TableStorage) -> None:
    health = storage.check()
    assert health.ok, health.detail


@READ_BY
def test_a_table_is_listed_described_and_read(storage: TableStorage, rows: TableName) -> None:
    assert rows.database in list(storage.list_databases())
    assert rows.table in tables_of(storage, rows.database)
    assert storage.describe(rows) == ROWS.schema
    assert read_table(storage, rows).sort_by("id") == ROWS


@READ_BY
def test_a_table_without_rows_still_has_its_columns(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    place.fill(table, ROWS.slice(0, 0))
    assert read_table(storage, table) == ROWS.slice(0, 0)


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


def test_a_table_is_found_by_its_exact_name_only(storage: TableStorage, rows: TableName) -> None:
    for name in (
        rows.table.upper(),
        rows.table.replace("_", "%"),
        f"{rows.table}`; DROP DATABASE x; --",
        "a'b",
    ):
        with pytest.raises(TableMissing):
            storage.describe(TableName(database=rows.database, table=name))


def test_the_servers_own_tables_are_not_shown(storage: TableStorage, place: TablePlace) -> None:
    for database, name in place.system_tables:
        assert database not in list(storage.list_databases())
        with pytest.raises(TableMissing):
            storage.describe(TableName(database=database, table=name))


@READ_BY
def test_any_name_of_a_column_is_only_a_name(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    names = ["a`b", "x; DROP TABLE y; --", 'it\'s "quoted"', "表 格", "*?[", "sélect"]
    odd = pa.table({name: [name] for name in names})
    place.fill(table, odd)
    assert read_table(storage, table) == odd


@READ_BY
def test_partitions_cover_every_row_once_and_are_the_same_again(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    wanted = place.fill_in_pieces(table, ROWS)
    partitions = list(storage.list_partitions(table, rows=wanted))
    assert [partition.number for partition in partitions] == [0, 1, 2, 3]
    assert partitions == list(place.open().list_partitions(table, rows=wanted))
    pieces = [read_table(place.open(), table, piece) for piece in partitions]
    assert min(piece.num_rows for piece in pieces) >= 200
    whole = pa.concat_tables(pieces).select(ROWS.column_names).sort_by("id")
    assert whole.to_pydict() == ROWS.to_pydict()


def test_a_partition_of_another_table_is_a_clear_error(storage: TableStorage, rows: TableName) -> None:
    for token in ("colour=blue", "{}", "x' OR 1=1"):
        with pytest.raises(TableChanged):
            list(storage.read_partition(rows, Partition(number=0, token=token)))


def test_a_reader_that_stops_early_lets_the_server_go(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    place.fill(table, pa.table({"s": ["x" * 1000] * 20_000}))
    batches = storage.read_partition(table, WHOLE_TABLE)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # the contract says Iterator, every adapter gives a generator
    place.drop(table)  # would wait for a reader that is still there, where readers hold tables


@READ_BY
def test_a_table_dropped_between_partitions_is_a_clear_error(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    first, second, *_ = storage.list_partitions(table, rows=place.fill_in_pieces(table, ROWS))
    assert read_table(storage, table, first).num_rows
    place.drop(table)
    with pytest.raises(TableMissing, match=table.table):
        list(storage.read_partition(table, second))


def test_a_table_changed_between_partitions_is_a_clear_error(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    place.fill(table, ROWS)
    schema = storage.describe(table)
    place.add_column(table)
    with pytest.raises(TableChanged):
        list(storage.read_partition(table, WHOLE_TABLE, schema=schema))


@READ_BY
def test_a_query_is_described_and_read(storage: TableStorage, rows: TableName) -> None:
    query = f"SELECT id, CONCAT(name, '!') AS loud FROM `{rows.database}`.`{rows.table}` WHERE id < 3; -- all"
    schema = storage.validate_query(query)
    assert schema.names == ["id", "loud"]
    found = pa.Table.from_batches(storage.read_query(query))
    assert found.schema == schema
    assert sorted(found["loud"].drop_null().to_pylist()) == ["名1!", "名2!"]
    assert pa.Table.from_batches(storage.read_query("SELECT 1 AS one WHERE FALSE")).num_rows == 0


@pytest.mark.parametrize(
    "query", ["DROP TABLE t", "SELECT 1; SELECT 2", "SELECT nothing", "SELECT 1 AS a, 2 AS a", "SELECT FROM"]
)
def test_a_query_that_is_not_one_select_is_refused(storage: TableStorage, query: str) -> None:
    with pytest.raises(QueryInvalid):
        storage.validate_query(query)
    with pytest.raises(QueryInvalid):
        list(storage.read_query(query))


@READ_BY
def test_a_query_has_limits_of_rows_and_time(place: TablePlace, rows: TableName) -> None:
    name = f"`{rows.database}`.`{rows.table}`"
    with pytest.raises(QueryLimit, match="10 rows"):
        list(place.open(query_rows=10).read_query(f"SELECT id FROM {name}"))
    assert sum(b.num_rows for b in place.open(query_rows=1000).read_query(f"SELECT id FROM {name}")) == 1000
    with pytest.raises(QueryLimit):
        list(place.open(query_seconds=2).read_query(place.slow_query))


@READ_BY
def test_a_query_that_is_called_off_is_ended_at_the_server(place: TablePlace) -> None:
    """Two of them would keep both of Spark's threads, and no other query could start."""

    def call_off() -> None:
        raise CalledOff

    for _ in range(2):
        with pytest.raises(CalledOff):
            list(place.open().watched(call_off).read_query(place.slow_query))
    (batch,) = place.open(query_seconds=60).read_query("SELECT 1 AS n")
    assert batch.to_pylist() == [{"n": 1}]
    until = time.monotonic() + A_MINUTE
    while place.slow_query in place.running():
        assert time.monotonic() < until, "the server still runs it"
        time.sleep(0.1)


def test_a_dead_port_and_an_unknown_name_are_told_apart(place: TablePlace) -> None:
    unknown = open_tables(place.kind, f"{place.kind}://user:secret@nowhere.invalid", {"connect_seconds": 5})
    dead = place.open(port=1, connect_seconds=2)
    for storage in (unknown, dead):
        with pytest.raises(StorageUnavailable) as caught:
            list(storage.list_databases())
        assert caught.value.retryable
        assert not storage.check().ok
    assert unknown.check().detail != dead.check().detail


def test_tls_that_is_required_is_never_left_out(place: TablePlace) -> None:
    """The servers of the tests have no certificates."""
    with pytest.raises(StorageError, match=r"SSL|TLS") as caught:
        list(place.open(tls="required").list_databases())
    assert caught.value.code == "STORAGE_MISCONFIGURED"


@pytest.mark.parametrize("place", ["hive", "mysql"], indirect=True)
def test_a_server_that_dies_while_it_sends_can_be_tried_again(place: TablePlace, wide: TableName) -> None:
    server = urlsplit(place.url)
    with cut_proxy(server.hostname or "", server.port or 0) as proxy:
        batches = place.open(host="127.0.0.1", port=proxy.port).read_partition(wide, WHOLE_TABLE)
        next(batches)
        proxy.cut()
        with pytest.raises(StorageUnavailable):
            list(batches)


@pytest.mark.parametrize("place", ["hive"], indirect=True)
def test_a_storage_that_does_not_write_says_so_and_leaves_everything(
    storage: TableStorage, rows: TableName
) -> None:
    assert not storage.capabilities.write
    for attempt in (
        lambda: storage.write_table(rows, ROWS.schema, ROWS.to_batches(), replace=True),
        lambda: storage.part_partition(0),
        lambda: storage.begin_write(rows, ROWS.schema),
        lambda: storage.begin_write(rows, ROWS.schema, write_id="0" * 16, keep_parts=True),
        lambda: storage.write_partition(rows, "id", 0, ROWS.to_batches()),
        lambda: storage.complete_write(rows, "id"),
        lambda: storage.complete_write(rows, "id", parts=[0]),
        lambda: storage.abort_write(rows, "id"),
        lambda: storage.drop_table(rows),
    ):
        with pytest.raises(NotSupported):
            attempt()
    assert read_table(storage, rows).num_rows == 1000


@pytest.mark.parametrize("kind", ["hive", "mysql"])
def test_opening_needs_no_server(kind: str) -> None:
    open_tables(kind, f"{kind}://nobody@nowhere.invalid", {})
