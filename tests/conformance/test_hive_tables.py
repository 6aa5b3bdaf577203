"""Hive's own: partitions by the values of columns, views, and the staging directory of what is pushed down."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest
from support.tables.places import ROWS, HivePlace, hive_place, read_table

from storage_adapters.errors import QueryInvalid, QueryLimit, StorageError, TableChanged
from storage_adapters.object_storage.contract import NewObject
from storage_adapters.table_storage.contract import WHOLE_TABLE
from storage_adapters.table_storage.source import Source

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def place() -> Iterator[HivePlace]:
    """Pushed down; a test that wants the server's own rows opens without."""
    with hive_place(pushed=True) as found:
        yield found


def staged(place: HivePlace) -> list[str]:
    """The files of the staging directory."""
    return [found.key for found in place.files.list_objects("staging/")]


def test_each_partition_is_read_by_the_values_of_its_columns(place: HivePlace) -> None:
    opened = replace(place, options={})
    table = place.table("parts")
    place.run(
        "CREATE TABLE IF NOT EXISTS parts (id INT, y INT, `标 l` STRING, d DATE) USING parquet"
        " PARTITIONED BY (y, `标 l`, d)",
        "INSERT OVERWRITE parts VALUES (1, 2024, 'a/b=c%41', DATE'2024-01-02'), (2, 2025, NULL, NULL),"
        " (3, NULL, '名 \\'字\\'', DATE'0001-01-01'), (4, -1, '', NULL)",
    )
    pieces = [
        read_table(opened.open(), table, piece).to_pylist()
        for piece in opened.open().list_partitions(table, rows=1)
    ]
    assert sorted(pieces, key=lambda piece: piece[0]["id"]) == [
        [{"id": 1, "y": 2024, "标 l": "a/b=c%41", "d": dt.date(2024, 1, 2)}],
        [{"id": 2, "y": 2025, "标 l": None, "d": None}],
        [{"id": 3, "y": None, "标 l": "名 '字'", "d": dt.date(1, 1, 1)}],
        [{"id": 4, "y": -1, "标 l": None, "d": None}],  # the server keeps no empty text there
    ]


def test_a_view_is_one_piece(place: HivePlace) -> None:
    place.fill(place.table("seen"), ROWS)
    place.run("CREATE VIEW looked AS SELECT id FROM seen WHERE id < 10")
    storage, view = place.open(), place.table("looked")
    assert list(storage.list_partitions(view, rows=1)) == [WHOLE_TABLE]
    assert read_table(storage, view).num_rows == 10


@pytest.mark.parametrize("pushed", [True, False])
def test_a_partition_that_was_dropped_is_told_from_one_without_rows(place: HivePlace, pushed: bool) -> None:
    storage, table = (place if pushed else replace(place, options={})).open(), place.table("thinned")
    place.run(
        "DROP TABLE IF EXISTS thinned",
        "CREATE TABLE thinned USING parquet PARTITIONED BY (y) AS SELECT id, id AS y FROM range(2)",
        "ALTER TABLE thinned ADD PARTITION (y=7)",
    )
    first, second, hollow = storage.list_partitions(table, rows=1)
    place.run("ALTER TABLE thinned DROP PARTITION (y=1)")

    assert read_table(storage, table, first).num_rows == 1
    assert read_table(storage, table, hollow).num_rows == 0
    with pytest.raises(TableChanged, match="no longer has the partition 'y=1'"):
        read_table(storage, table, second)


def test_a_partitioned_table_that_has_no_partition_yet_is_one_piece(place: HivePlace) -> None:
    place.run("CREATE TABLE hollow (id INT, y INT) USING parquet PARTITIONED BY (y)")
    storage, table = place.open(), place.table("hollow")
    assert list(storage.list_partitions(table, rows=1)) == [WHOLE_TABLE]
    assert read_table(storage, table).num_rows == 0


def test_what_is_pushed_down_is_read_whole_and_removed(place: HivePlace) -> None:
    """Four files, each of more than one row group."""
    query = (
        "SELECT id, concat(sha2(string(id), 512), sha2(string(-id), 512)) AS text FROM range(0, 300000, 1, 4)"
    )
    batches = place.open().read_query(query)
    first = next(batches)
    assert len([key for key in staged(place) if key.endswith(".parquet")]) == 4
    rows = pa.Table.from_batches([first, *batches])
    assert rows["id"].to_pylist() == list(range(300_000))
    assert len(rows["id"].chunks) > 4
    assert first.num_rows < 75_000
    assert staged(place) == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT CAST(raise_error('boom') AS INT) AS x",
        "SELECT CAST(unhex('FF') AS STRING) AS broken",
        "SELECT id, CAST(raise_error('boom') AS INT) AS x FROM range(100000) WHERE id > 99998",
    ],
)
def test_an_error_leaves_nothing_in_the_staging_directory(place: HivePlace, query: str) -> None:
    with pytest.raises(StorageError):
        list(place.open().read_query(query))
    assert staged(place) == []


def test_a_reader_that_stops_leaves_nothing_in_the_staging_directory(place: HivePlace) -> None:
    batches = place.open().read_query("SELECT id FROM range(100000)")
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # every adapter gives a generator
    with pytest.raises(QueryLimit):
        list(place.open(query_rows=10).read_query("SELECT id FROM range(100000)"))
    assert staged(place) == []


@pytest.mark.parametrize("pushed", [True, False])
def test_a_query_that_ran_too_long_is_ended_at_the_server(place: HivePlace, pushed: bool) -> None:
    """Two of them would keep both of the server's threads, and no other query could start."""
    opened = place if pushed else replace(place, options={})
    for _ in range(2):
        with pytest.raises(QueryLimit, match="3 seconds"):
            list(opened.open(query_seconds=3).read_query(place.slow_query))
    (batch,) = replace(place, options={}).open().read_query("SELECT COUNT(*) AS n FROM range(0, 10, 1, 2)")
    assert batch.to_pylist() == [{"n": 10}]
    assert staged(place) == []


def test_a_query_reads_no_file_of_the_server(place: HivePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where our check lets a file's path pass."""
    for outcome in place.files.put_many([NewObject(key="secret.txt", data=b"secret")]):
        assert outcome.error is None
    path = f"text.`{place.directory}/secret.txt`"
    with pytest.raises(QueryInvalid, match="a file in place of a table"):
        place.open().validate_query(f"SELECT * FROM {path}")
    for storage in (place.open(), replace(place, options={}).open()):
        monkeypatch.setattr(
            "storage_adapters.hive.storage.query_source",
            lambda *_: Source(title="the query", sql=f"(SELECT * FROM {path}) `query`"),
        )
        with pytest.raises(StorageError):
            storage.validate_query("")
        with pytest.raises(StorageError):
            list(storage.read_query(""))


def test_check_tells_of_a_staging_directory_that_cannot_be_used(place: HivePlace) -> None:
    wrong = place.open(staging="webhdfs://127.0.0.1:1/tmp/staging")
    health = wrong.check()
    assert not health.ok
    assert "databases seen" in health.detail
    assert "Staging: " in health.detail


def test_check_says_what_answers_and_pushes_one_row_down(place: HivePlace) -> None:
    health = place.open().check()
    assert health.ok
    assert "Spark SQL 3.5" in health.detail
    assert health.detail.endswith("A row was pushed down and read.")
    assert not staged(place)


def test_check_tells_of_an_engine_that_writes_elsewhere(place: HivePlace) -> None:
    health = place.open(engine_staging="/tmp/elsewhere").check()
    assert not health.ok
    assert "correct the option 'engine_staging'" in health.detail


def test_a_table_dropped_while_it_is_read_is_a_clear_error(place: HivePlace) -> None:
    place.run("CREATE TABLE short_lived USING parquet AS SELECT id FROM range(0, 100000, 1, 8)")
    table = place.table("short_lived")
    batches = replace(place, options={}).open().read_partition(table, WHOLE_TABLE)
    next(batches)
    place.drop(table)
    with pytest.raises(TableChanged, match="does not exist"):
        list(batches)
