"""The contract of tables that several workers write: a write that is begun once, pieces that count or do not, and
pieces that can be read one by one afterwards; over every storage that writes."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from secrets import token_hex
from threading import Barrier

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables.places import ROWS, TablePlace, fake_place, mysql_place, read_table, tables_of

from storage_adapters.errors import (
    ColumnUnsupported,
    NameInvalid,
    PermissionDenied,
    StorageUnavailable,
    TableChanged,
    TableExists,
    TableMissing,
    UploadMissing,
    ValueUnsupported,
)
from storage_adapters.table_storage.contract import MAX_PART, WHOLE_TABLE, TableName, TableStorage

WRITING: Mapping[str, Callable[[], AbstractContextManager[TablePlace]]] = {
    "fake": fake_place,
    "mysql": mysql_place,
}


@pytest.fixture(scope="module", params=["fake", pytest.param("mysql", marks=pytest.mark.real)])
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with WRITING[request.param]() as found:
        yield found


@pytest.fixture
def storage(place: TablePlace) -> TableStorage:
    return place.open()


def write_pieces(
    storage: TableStorage, table: TableName, pieces: Mapping[int, pa.Table], *, keep_parts: bool = True
) -> str:
    """Begin a write of the caller's own id, and write the pieces."""
    schema = next(iter(pieces.values())).schema
    write_id = storage.begin_write(table, schema, write_id=token_hex(8), keep_parts=keep_parts)
    for number, rows in pieces.items():
        assert storage.write_partition(table, write_id, number, rows.to_batches()) == rows.num_rows
    return write_id


def rows_of(storage: TableStorage, table: TableName) -> list[int]:
    """The ids in the whole table, sorted."""
    return sorted(read_table(storage, table)["id"].to_pylist())


def piece_of(storage: TableStorage, table: TableName, number: int) -> pa.Table:
    """The rows of one piece."""
    return read_table(storage, table, storage.part_partition(number))


def test_a_write_begun_twice_is_one_write_and_keeps_what_was_written(
    storage: TableStorage, place: TablePlace, table: TableName, keep_parts: bool
) -> None:
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10)}, keep_parts=keep_parts)
    again = place.open().begin_write(table, ROWS.schema, write_id=write_id, keep_parts=keep_parts)
    assert again == write_id
    storage.write_partition(table, write_id, 1, ROWS.slice(10, 10).to_batches())
    storage.complete_write(table, write_id)
    assert rows_of(storage, table) == list(range(20))


def test_a_write_begun_by_many_at_one_moment_is_one_write(place: TablePlace, table: TableName) -> None:
    write_id, ready = token_hex(8), Barrier(6)

    def begin_and_write(number: int) -> str:
        storage = place.open()
        ready.wait()
        found = storage.begin_write(table, ROWS.schema, write_id=write_id, keep_parts=True)
        storage.write_partition(table, found, number, ROWS.slice(number * 10, 10).to_batches())
        return found

    with ThreadPoolExecutor(ready.parties) as pool:
        assert {*pool.map(begin_and_write, range(ready.parties))} == {write_id}
    place.open().complete_write(table, write_id)
    assert rows_of(place.open(), table) == list(range(60))


def test_a_write_that_was_published_is_not_begun_again(
    storage: TableStorage, table: TableName, keep_parts: bool
) -> None:
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10)}, keep_parts=keep_parts)
    storage.complete_write(table, write_id)
    assert storage.begin_write(table, ROWS.schema, write_id=write_id, keep_parts=keep_parts) == write_id
    with pytest.raises(UploadMissing):
        storage.write_partition(table, write_id, 1, ROWS.to_batches())
    storage.complete_write(table, write_id)
    assert rows_of(storage, table) == list(range(10))


def test_a_write_that_was_aborted_begins_empty(storage: TableStorage, table: TableName) -> None:
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10)})
    storage.abort_write(table, write_id)
    with pytest.raises(UploadMissing):
        storage.write_partition(table, write_id, 1, ROWS.to_batches())
    with pytest.raises(UploadMissing):
        storage.complete_write(table, write_id)
    storage.begin_write(table, ROWS.schema, write_id=write_id, keep_parts=True)
    storage.complete_write(table, write_id)
    assert rows_of(storage, table) == []
    storage.abort_write(table, write_id)
    assert rows_of(storage, table) == [], "what is published is not aborted"


def test_an_unknown_write_is_aborted_and_nothing_else(storage: TableStorage, table: TableName) -> None:
    storage.abort_write(table, token_hex(8))
    with pytest.raises(UploadMissing):
        storage.complete_write(table, token_hex(8), parts=[])
    with pytest.raises(TableMissing):
        storage.describe(table)


@pytest.mark.parametrize(
    "write_id", ["", "0" * 15, "0" * 17, "G" * 16, "A" * 16, "0" * 15 + "`", "0" * 16 + "\n"]
)
def test_an_id_is_sixteen_hexadecimal_digits(storage: TableStorage, table: TableName, write_id: str) -> None:
    with pytest.raises(NameInvalid, match="16"):
        storage.begin_write(table, ROWS.schema, write_id=write_id)


@pytest.mark.parametrize("name", ["datacenter_part", "DataCenter_Part"])
def test_a_column_that_is_named_like_the_hidden_one_is_refused(
    storage: TableStorage, table: TableName, name: str, keep_parts: bool
) -> None:
    with pytest.raises(ColumnUnsupported, match="datacenter_part"):
        storage.begin_write(table, pa.schema([(name, pa.int64())]), keep_parts=keep_parts)


def test_pieces_that_do_not_count_are_gone_when_it_is_published(
    storage: TableStorage, table: TableName, keep_parts: bool
) -> None:
    attempt = 1 << 32
    pieces = {
        0: ROWS.slice(0, 10),
        1: ROWS.slice(10, 10),
        1 + attempt: ROWS.slice(10, 10),
        2 + attempt: ROWS.slice(20, 10),
        MAX_PART: ROWS.slice(30, 10),
    }
    write_id = write_pieces(storage, table, pieces, keep_parts=keep_parts)
    storage.complete_write(table, write_id, parts=iter([0, 1 + attempt, 2 + attempt, 3]))
    assert rows_of(storage, table) == list(range(30))


def test_a_table_of_no_piece_that_counts_is_empty(
    storage: TableStorage, table: TableName, keep_parts: bool
) -> None:
    write_id = write_pieces(storage, table, {7: ROWS}, keep_parts=keep_parts)
    storage.complete_write(table, write_id, parts=[])
    assert read_table(storage, table) == ROWS.slice(0, 0)


def test_completing_again_does_nothing_whatever_it_is_told(storage: TableStorage, table: TableName) -> None:
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10), 1: ROWS.slice(10, 10)})
    storage.complete_write(table, write_id, parts=[0])
    storage.complete_write(table, write_id, parts=[0, 1])
    storage.complete_write(table, write_id, parts=[], replace=True)
    assert rows_of(storage, table) == list(range(10))


def test_many_may_complete_at_one_moment(place: TablePlace, table: TableName, keep_parts: bool) -> None:
    pieces = {number: ROWS.slice(number * 10, 10) for number in range(5)}
    write_id = write_pieces(place.open(), table, pieces, keep_parts=keep_parts)
    ready = Barrier(4)

    def complete(_: int) -> None:
        storage = place.open()
        ready.wait()
        storage.complete_write(table, write_id, parts=[0, 2, 4])

    with ThreadPoolExecutor(ready.parties) as pool:
        list(pool.map(complete, range(ready.parties)))
    assert rows_of(place.open(), table) == [*range(10), *range(20, 30), *range(40, 50)]


def test_a_refused_publishing_leaves_the_write_as_it_was(storage: TableStorage, table: TableName) -> None:
    storage.complete_write(table, write_pieces(storage, table, {0: ROWS.slice(0, 5)}))
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10), 1: ROWS.slice(10, 10)})
    with pytest.raises(TableExists):
        storage.complete_write(table, write_id, parts=[0])
    assert rows_of(storage, table) == list(range(5))
    storage.write_partition(table, write_id, 2, ROWS.slice(20, 10).to_batches())
    storage.complete_write(table, write_id, parts=[1, 2], replace=True)
    assert rows_of(storage, table) == list(range(10, 30))


def test_a_reader_of_the_older_table_ends_with_it(
    storage: TableStorage, place: TablePlace, table: TableName
) -> None:
    storage.complete_write(table, write_pieces(storage, table, {0: ROWS}))
    write_id = write_pieces(storage, table, {0: ROWS.slice(0, 10)})
    batches = storage.read_partition(table, storage.part_partition(0))
    first = next(batches)
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(place.open().complete_write, table, write_id, replace=True)
        assert pa.Table.from_batches([first, *batches]) == ROWS
        publishing.result(60)
    assert rows_of(storage, table) == list(range(10))


def test_how_a_table_remembers_its_pieces_is_not_seen(storage: TableStorage, table: TableName) -> None:
    storage.complete_write(table, write_pieces(storage, table, {3: ROWS.slice(0, 10)}))
    assert table.table in tables_of(storage, table.database)
    assert storage.describe(table) == ROWS.schema
    for partition in (WHOLE_TABLE, storage.part_partition(3), *storage.list_partitions(table, rows=5)):
        assert read_table(storage, table, partition).schema == ROWS.schema


def test_a_piece_is_read_by_its_number(storage: TableStorage, place: TablePlace, table: TableName) -> None:
    pieces = {5: ROWS.slice(0, 7), 0: ROWS.slice(7, 0), MAX_PART: ROWS.slice(7, 990)}
    storage.complete_write(table, write_pieces(storage, table, pieces))
    for number, rows in pieces.items():
        assert storage.part_partition(number).number == number
        assert piece_of(place.open(), table, number) == rows
    assert piece_of(storage, table, 6) == ROWS.slice(0, 0)


ODD = pa.table(
    {
        "id": pa.array(range(6), pa.int64()),
        "文字": ["猫", "", None, "😀\x00\n", "'\\\"", "x" * 70_000],
        "bytes": [b"", b"\x00\xff", None, b"'", "表".encode(), bytes(range(256)) * 300],
        "price": pa.array([Decimal("-0.01"), None, *map(Decimal, (0, 1, 2)), Decimal("9" * 28 + ".99")]),
        "seen": pa.array([None, *[dt.datetime(2024, 2, 29, 23, 59, 58, 123456, dt.UTC)] * 5]),
        "flag": [True, False, None, True, None, False],
    }
)


def test_any_value_comes_back_in_its_piece(storage: TableStorage, table: TableName) -> None:
    storage.complete_write(table, write_pieces(storage, table, {0: ODD.slice(0, 3), 1: ODD.slice(3)}))
    assert piece_of(storage, table, 0) == ODD.slice(0, 3)
    assert piece_of(storage, table, 1) == ODD.slice(3)


@pytest.mark.parametrize("number", [-1, MAX_PART + 1, 2**70])
def test_a_number_that_no_piece_can_have_is_refused(
    storage: TableStorage, table: TableName, number: int
) -> None:
    write_id = storage.begin_write(table, ROWS.schema)
    with pytest.raises(ValueUnsupported, match=str(MAX_PART)):
        storage.write_partition(table, write_id, number, ROWS.to_batches())
    with pytest.raises(ValueUnsupported, match=str(MAX_PART)):
        storage.part_partition(number)
    storage.abort_write(table, write_id)


def test_a_table_without_pieces_says_so(storage: TableStorage, place: TablePlace, table: TableName) -> None:
    storage.complete_write(table, write_pieces(storage, table, {0: ROWS}, keep_parts=False))
    with pytest.raises(TableChanged, match="pieces"):
        piece_of(storage, table, 0)
    place.drop(table)
    place.fill(table, ROWS)
    with pytest.raises(TableChanged, match="pieces"):
        piece_of(storage, table, 0)


def test_a_piece_of_a_table_that_changed_or_is_gone_is_a_clear_error(
    storage: TableStorage, table: TableName
) -> None:
    storage.complete_write(table, write_pieces(storage, table, {0: ROWS}))
    other = pa.schema([("id", pa.int32())])
    with pytest.raises(TableChanged):
        list(storage.read_partition(table, storage.part_partition(0), schema=other))
    storage.drop_table(table)
    storage.drop_table(table)
    with pytest.raises(TableMissing):
        list(storage.read_partition(table, storage.part_partition(0)))


def test_a_piece_written_by_two_at_one_moment_counts_once(
    place: TablePlace, table: TableName, keep_parts: bool
) -> None:
    write_id = place.open().begin_write(table, ROWS.schema, keep_parts=keep_parts)
    ready = Barrier(4)

    def rows() -> Iterator[pa.RecordBatch]:
        ready.wait(60)  # each has looked for an earlier try by now, and found none
        yield from ROWS.to_batches(max_chunksize=100)

    def write(_: int) -> None:
        with suppress(StorageUnavailable):
            place.open().write_partition(table, write_id, 7, rows())

    with ThreadPoolExecutor(ready.parties) as pool:
        list(pool.map(write, range(ready.parties)))
    place.open().complete_write(table, write_id)
    assert rows_of(place.open(), table) == list(range(1000))


def test_workers_write_pieces_beside_each_other_without_a_failure(
    place: TablePlace, table: TableName, keep_parts: bool
) -> None:
    write_id = place.open().begin_write(table, ROWS.schema, keep_parts=keep_parts)
    ready = Barrier(5)

    def write(worker: int) -> None:
        storage = place.open()
        ready.wait()
        for start in range(worker * 20, 1000, 100):
            storage.write_partition(table, write_id, start, ROWS.slice(start, 20).to_batches())

    with ThreadPoolExecutor(ready.parties) as pool:
        list(pool.map(write, range(ready.parties)))
    place.open().complete_write(table, write_id)
    assert rows_of(place.open(), table) == list(range(1000))


def test_a_read_only_storage_begins_and_aborts_nothing(place: TablePlace, table: TableName) -> None:
    write_id = write_pieces(place.open(), table, {0: ROWS})
    storage = place.open(read_only=True)
    for refused in (
        lambda: storage.begin_write(table, ROWS.schema, write_id=write_id),
        lambda: storage.write_partition(table, write_id, 1, ROWS.to_batches()),
        lambda: storage.complete_write(table, write_id),
        lambda: storage.abort_write(table, write_id),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    place.open().complete_write(table, write_id)
    assert piece_of(storage, table, 0) == ROWS


@settings(max_examples=10)
@given(
    pieces=st.dictionaries(
        st.integers(0, MAX_PART) | st.integers(0, 3),
        st.tuples(st.integers(0, 1000), st.integers(0, 120), st.booleans(), st.booleans()),
        max_size=6,
    ),
    batch_rows=st.integers(1, 200),
)
def test_every_piece_has_exactly_its_rows_however_the_table_was_cut(
    place: TablePlace, pieces: dict[int, tuple[int, int, bool, bool]], batch_rows: int
) -> None:
    storage, table = place.open(), place.table(f"t{token_hex(8)}")
    write_id = storage.begin_write(table, ROWS.schema, keep_parts=True)
    for number, (start, length, _, is_replaced) in pieces.items():
        if is_replaced:
            storage.write_partition(table, write_id, number, ROWS.to_batches())
        rows = ROWS.slice(start, length)
        storage.write_partition(table, write_id, number, rows.to_batches(max_chunksize=batch_rows))
    counted = {
        number: ROWS.slice(start, length) for number, (start, length, counts, _) in pieces.items() if counts
    }
    storage.complete_write(table, write_id, parts=counted)
    for number in pieces:
        assert piece_of(storage, table, number) == counted.get(number, ROWS.slice(0, 0))
    whole = pa.concat_tables([ROWS.slice(0, 0), *counted.values()])
    assert read_table(storage, table).sort_by("id") == whole.sort_by("id")
    storage.drop_table(table)
