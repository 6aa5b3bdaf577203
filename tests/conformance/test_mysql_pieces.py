"""Tables in pieces on MySQL: the published table, how it is read, and writers that are late."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pyarrow as pa
import pytest
from support.tables.places import ROWS, MysqlPlace, mysql_place, read_table, tables_of

from storage_adapters.errors import (
    NotSupported,
    StorageUnavailable,
    TableChanged,
    TableMissing,
    UploadMissing,
)
from storage_adapters.mysql import pieces, staging
from storage_adapters.table_storage.contract import TableName, TableStorage

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def place() -> Iterator[MysqlPlace]:
    with mysql_place() as found:
        yield found


@pytest.fixture
def storage(place: MysqlPlace) -> TableStorage:
    return place.open()


def begun(storage: TableStorage, table: TableName, *numbers: int, keep_parts: bool = True) -> str:
    """A write of pieces of a hundred rows each."""
    write_id = storage.begin_write(table, ROWS.schema, keep_parts=keep_parts)
    for place, number in enumerate(numbers):
        storage.write_partition(table, write_id, number, ROWS.slice(place * 100, 100).to_batches())
    return write_id


def answer(storage: TableStorage, query: str) -> pa.Table:
    return pa.Table.from_batches(storage.read_query(query))


def columns_of(storage: TableStorage, table: TableName) -> dict[str, str]:
    """The columns that the catalogue has, and what is special of each."""
    found = answer(
        storage,
        "SELECT COLUMN_NAME, EXTRA FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = '{table.database}' AND TABLE_NAME = '{table.table}'",
    )
    return dict(zip(found["COLUMN_NAME"].to_pylist(), found["EXTRA"].to_pylist(), strict=True))


def staged(storage: TableStorage, table: TableName) -> list[str]:
    """The tables of the server that a listing does not show."""
    found = answer(
        storage,
        f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{table.database}'",
    )
    return sorted({*found["TABLE_NAME"].to_pylist()} - {*tables_of(storage, table.database)})


def test_only_who_names_the_hidden_key_sees_it(storage: TableStorage, table: TableName) -> None:
    storage.complete_write(table, begun(storage, table, 3, 8))
    assert columns_of(storage, table) == {
        "id": "",
        "name": "",
        "datacenter_part": "INVISIBLE",
        "datacenter_row": "INVISIBLE",
    }
    assert answer(storage, f"SELECT * FROM {table}").sort_by("id") == ROWS.slice(0, 200)
    key = answer(storage, f"SELECT id, datacenter_part AS part, datacenter_row AS place FROM {table}")
    assert key.sort_by("id").to_pydict() == {
        "id": list(range(200)),
        "part": [3] * 100 + [8] * 100,
        "place": [*range(100)] * 2,
    }


def test_a_table_that_does_not_keep_its_pieces_has_nothing_of_them(
    storage: TableStorage, table: TableName
) -> None:
    storage.complete_write(table, begun(storage, table, 3, 8, keep_parts=False))
    assert columns_of(storage, table) == {"id": "", "name": ""}


def test_a_copy_of_the_table_has_nothing_of_the_hidden_key(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    storage.complete_write(table, begun(storage, table, 3))
    other = place.table(f"{table.table}_copy")
    place.run(f"CREATE TABLE {other} AS SELECT * FROM {table}")
    assert list(columns_of(storage, other)) == ["id", "name"]
    assert read_table(storage, other).num_rows == 100
    place.drop(other)


def test_a_piece_is_a_range_of_the_clustered_key(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    storage.complete_write(table, begun(storage, table, *range(9)))
    where = pieces.where_in_piece(
        [pieces.KeyColumn(name=name, data_type="bigint") for name in pieces.KEY_COLUMNS],
        storage.part_partition(5).token,
    )
    (plan,) = place.run(f"EXPLAIN SELECT id, name FROM {table} {where}")
    assert plan["key"] == "PRIMARY"
    assert plan["type"] in ("ref", "range")
    assert int(plan["rows"]) <= 200, "of 900"
    assert "filesort" not in plan["Extra"]


def test_partitions_cut_a_table_along_its_hidden_key(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    storage.complete_write(table, begun(storage, table, 9, 2**63 - 1, 0))
    partitions = list(storage.list_partitions(table, rows=70))
    found = [read_table(storage, table, partition) for partition in partitions]
    assert [rows.num_rows for rows in found] == [70, 70, 70, 70, 20]
    assert pa.concat_tables(found)["id"].to_pylist() == [*range(200, 300), *range(200)]


def test_a_piece_of_a_table_that_lost_its_key_is_a_clear_error(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    storage.complete_write(table, begun(storage, table, 0))
    place.run(f"ALTER TABLE {table} DROP PRIMARY KEY")
    with pytest.raises(TableChanged, match="pieces"):
        read_table(storage, table, storage.part_partition(0))


@pytest.mark.parametrize("step", ["keep_pieces", "remove_temporary_key", "_rename"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_publishing_that_was_killed_at_any_step_goes_on(
    storage: TableStorage, table: TableName, keep_parts: bool, step: str, after: bool
) -> None:
    write_id = begun(storage, table, 0, 1, 2, keep_parts=keep_parts)
    done = getattr(staging, step)

    def killed(*arguments: object, **named: object) -> None:
        if after:
            done(*arguments, **named)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, step, killed)
        if keep_parts and step == "remove_temporary_key":
            storage.complete_write(table, write_id, parts=[0, 2])
        else:
            with pytest.raises(KeyboardInterrupt):
                storage.complete_write(table, write_id, parts=[0, 2])
    if not (after and step == "_rename"):
        with pytest.raises(UploadMissing):
            storage.write_partition(table, write_id, 0, ROWS.to_batches())
        assert storage.begin_write(table, ROWS.schema, write_id=write_id) == write_id
    storage.complete_write(table, write_id, parts=[0, 2])
    assert sorted(read_table(storage, table)["id"].to_pylist()) == [*range(100), *range(200, 300)]
    assert staged(storage, table) == []


def test_a_write_that_is_published_in_part_is_aborted_whole(storage: TableStorage, table: TableName) -> None:
    write_id = begun(storage, table, 0, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_rename", None)
        with pytest.raises(TypeError):
            storage.complete_write(table, write_id, parts=[0])
    assert staged(storage, table)
    storage.abort_write(table, write_id)
    assert staged(storage, table) == []


def test_a_piece_that_is_written_while_the_table_is_published_does_not_slip_in(
    storage: TableStorage, place: MysqlPlace, table: TableName, keep_parts: bool
) -> None:
    """The losing attempt is in the middle of its rows when the other one publishes."""
    write_id = begun(storage, table, 0, keep_parts=keep_parts)
    is_writing, may_end = Event(), Event()

    def rows() -> Iterator[pa.RecordBatch]:
        yield from ROWS.slice(100, 100).to_batches()
        is_writing.set()
        may_end.wait(60)
        yield from ROWS.slice(200, 100).to_batches()

    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(place.open().write_partition, table, write_id, 1, rows())
        assert is_writing.wait(60)
        publishing_ = pool.submit(storage.complete_write, table, write_id, parts=[0])
        while not waits_for_a_table(place) and not publishing_.done():
            time.sleep(0.01)
        may_end.set()
        publishing_.result(60)
        assert late.result(60) == 200
    assert sorted(read_table(storage, table)["id"].to_pylist()) == list(range(100))


def test_a_writer_whose_rows_stop_coming_lets_the_table_go(
    storage: TableStorage, place: MysqlPlace, table: TableName
) -> None:
    write_id = begun(storage, table, 0)

    def rows() -> Iterator[pa.RecordBatch]:
        yield from ROWS.slice(100, 100).to_batches()
        time.sleep(0.2)  # the server looks ten times a second only
        while writing_sessions(place):
            time.sleep(0.1)
        yield from ROWS.slice(200, 100).to_batches()

    with pytest.raises(StorageUnavailable):
        place.open(stall_seconds=2).write_partition(table, write_id, 1, rows())
    storage.complete_write(table, write_id)
    assert sorted(read_table(storage, table)["id"].to_pylist()) == list(range(100))


def writing_sessions(place: MysqlPlace) -> int:
    """How many sessions wait for the next statement of a transaction."""
    (found,) = place.run(
        "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
        " ON p.ID = t.trx_mysql_thread_id WHERE p.COMMAND = 'Sleep' AND t.trx_rows_modified > 0"
    )
    return int(found["n"])


def waits_for_a_table(place: MysqlPlace) -> bool:
    """Whether a session waits until another one leaves a table alone."""
    found = answer(
        place.open(),
        "SELECT COUNT(*) AS waiting FROM information_schema.PROCESSLIST"
        f" WHERE STATE LIKE 'Waiting for table metadata lock%' AND INFO LIKE '%{place.database}%'",
    )
    return bool(found["waiting"][0].as_py())


def test_pieces_that_do_not_count_go_in_bites(
    storage: TableStorage, table: TableName, monkeypatch: pytest.MonkeyPatch, keep_parts: bool
) -> None:
    monkeypatch.setattr(pieces, "DELETE_ROWS", 30)
    statements: list[str] = []
    execute = pieces.execute

    def watched(connection: pieces.Connection, *found: str) -> int:
        changed = execute(connection, *found)
        if found[0].startswith("DELETE"):
            statements.append(found[0])
            assert changed <= 30
        return changed

    write_id = begun(storage, table, 0, 1, 2, keep_parts=keep_parts)
    monkeypatch.setattr(pieces, "execute", watched)
    storage.complete_write(table, write_id, parts=[1])
    assert len(statements) == 8
    assert sorted(read_table(storage, table)["id"].to_pylist()) == list(range(100, 200))


def test_a_server_without_invisible_columns_is_told_so(
    storage: TableStorage, table: TableName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a server does not know the keyword."""
    kept = pieces.hidden_key()
    monkeypatch.setattr(pieces, "hidden_key", lambda: [part.replace("INVISIBLE", "UNKNOWN") for part in kept])
    with pytest.raises(NotSupported, match="invisible columns"):
        storage.begin_write(table, ROWS.schema, keep_parts=True)
    with pytest.raises(TableMissing):
        storage.describe(table)
