"""Tables of MariaDB and of Hive's protocol become datasets and come out again: every type in every format, and a
rejected import leaves nothing.
"""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.jobs.prefix_imports import failed, imported, rows
from support.jobs.workbench import Workbench
from support.tables.columns import COLUMNS, Columns
from support.tables.datasets import exported, table_of
from support.tables.places import PLACES, TablePlace

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Dataset
from datacenter.settings.model import StorageSettings
from jobs.engine.engine import Engine
from jobs.registry import runners
from storage_adapters.table_storage.contract import TableName

pytestmark = pytest.mark.real

ON_MYSQL = pytest.mark.parametrize("place", ["mysql"], indirect=True)
ON_HIVE = pytest.mark.parametrize("place", [name for name in PLACES if name != "mysql"], indirect=True)
ON_HIVE_PUSHED = pytest.mark.parametrize("place", ["hive-pushed"], indirect=True)
PARTS = {"mysql": 10, "hive": 4}
"""Of a thousand rows in a table of pieces. Hive's are its own partitions."""

Change = Callable[[TablePlace, TableName], None]


@pytest.fixture(scope="module", params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture(scope="module")
def bench(place: TablePlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    tables = StorageSettings(kind=place.kind, url=place.url, options=place.options, role="source")
    bench = Workbench(tmp_path_factory.mktemp("bench"), storages={"tables": tables}, rows=100)
    yield bench
    bench.close()


@pytest.fixture
def columns(place: TablePlace) -> Columns:
    return COLUMNS[place.kind]


@pytest.fixture(scope="module")
def typed(place: TablePlace, bench: Workbench) -> Dataset:
    """A row of values and a row of NULL, in any order."""
    place.run(*COLUMNS[place.kind].create("typed"))
    return _imported(bench, table=f"{place.database}.typed")


def _imported(bench: Workbench, *, label_column: str | None = None, **source: str) -> Dataset:
    dataset, job = imported(bench, {"storage": "tables", **source}, label_column=label_column)
    assert job.state == "SUCCESS", job.error
    return dataset


def _do(bench: Workbench, shards: int) -> None:
    """A worker does so many shards of imports, and stops."""
    stops = chain([False] * shards, repeat(True))
    engine = Engine(
        bench.resources, runners(), "bench:1", stopping=lambda: next(stops), must_stop=lambda: False
    )
    assert engine.work("import") == shards


def _only_part(members: dict[str, bytes]) -> bytes:
    (found,) = (data for path, data in members.items() if path.startswith("part-"))
    return found


def test_every_type_comes_out_as_parquet(bench: Workbench, typed: Dataset, columns: Columns) -> None:
    found = pq.read_table(io.BytesIO(_only_part(exported(bench, typed)))).sort_by("id").to_pylist()

    assert found == [{"id": 1, **columns.values(0)}, {"id": 2, **dict.fromkeys(columns.sql)}]
    assert found[0]["moment"].utcoffset() == dt.timedelta(0)


def test_every_type_comes_out_as_csv(bench: Workbench, typed: Dataset, columns: Columns) -> None:
    text = _only_part(exported(bench, typed, table_format="csv")).decode()

    found = csv.DictReader(io.StringIO(text, newline=""))
    assert sorted(found, key=lambda row: row["id"]) == [
        {"id": "1", **columns.values(1)},
        {"id": "2", **dict.fromkeys(columns.sql, "")},
    ]
    # Python's reader does not distinguish an empty text from NULL; the quotes do.
    assert '😀",""\n' in text
    assert "2" + "," * len(columns.sql) in text.splitlines()


def test_every_type_comes_out_as_json_lines(bench: Workbench, typed: Dataset, columns: Columns) -> None:
    lines = _only_part(exported(bench, typed, table_format="jsonl")).splitlines()

    assert sorted(map(orjson.loads, lines), key=lambda row: row["id"]) == [
        {"id": 1, **columns.values(2)},
        {"id": 2, **dict.fromkeys(columns.sql)},
    ]


def test_a_query_gives_the_same_types_as_its_table(
    bench: Workbench, place: TablePlace, typed: Dataset
) -> None:
    dataset = _imported(bench, query=f"SELECT * FROM {place.database}.typed ORDER BY id LIMIT 10;")

    assert table_of(bench, dataset).sort_by("id").equals(table_of(bench, typed).sort_by("id"))


def test_every_row_is_imported_once_in_pieces(bench: Workbench, place: TablePlace) -> None:
    table = place.table("many")
    labels = ("猫", "dog", "", None, "cat")
    place.fill_in_pieces(table, pa.table({"id": range(0, 7000, 7), "label": [*labels] * 200}))

    dataset = _imported(bench, table=str(table))

    assert sorted(table_of(bench, dataset)["id"].to_pylist()) == list(range(0, 7000, 7))
    assert (dataset.row_count, dataset.files) == (1000, PARTS[place.kind])
    members = exported(bench, dataset, labels=LabelFilter(any=("猫",)), table_format="csv")
    texts = [data.decode() for path, data in members.items() if path.startswith("part-")]
    found = [row for text in texts for row in csv.DictReader(io.StringIO(text))]
    assert sorted(int(row["id"]) for row in found) == list(range(0, 7000, 35))
    assert {row["label"] for row in found} == {"猫"}


@ON_MYSQL
def test_names_with_quotes_and_semicolons_are_names(bench: Workbench, place: TablePlace) -> None:
    place.run(
        'CREATE TABLE `a"b\'; DROP TABLE c; -- d.e` (`x``"y;` INT PRIMARY KEY)',
        "INSERT INTO `a\"b'; DROP TABLE c; -- d.e` VALUES (1)",
    )

    dataset = _imported(bench, table=f"{place.database}.a\"b'; DROP TABLE c; -- d.e", label_column='x`"y;')

    assert table_of(bench, dataset).to_pylist() == [{'x`"y;': 1}]
    assert [row["labels"] for row in rows(bench, dataset).values()] == [["1"]]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT 1; DROP TABLE many", "QUERY_INVALID"),
        ("/* as asked */ DROP TABLE many", "QUERY_INVALID"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "QUERY_INVALID"),
        ("SELECT nothing", "QUERY_INVALID"),
        ("SELECT * FROM nowhere.nothing", "TABLE_MISSING"),
        ("SELECT {unsupported} AS place", "COLUMN_UNSUPPORTED"),
    ],
)
def test_what_is_not_one_readable_select_fails_and_leaves_nothing(
    bench: Workbench, columns: Columns, statement: str, code: str
) -> None:
    query = statement.format(unsupported=columns.unsupported[1])

    assert failed(bench, {"storage": "tables", "query": query})["code"] == code


def test_a_column_without_a_form_in_arrow_is_named(
    bench: Workbench, place: TablePlace, columns: Columns
) -> None:
    place.run(f"CREATE TABLE places (id {columns.key}, spot {columns.unsupported[0]}) {columns.suffix}")

    error = failed(bench, {"storage": "tables", "table": f"{place.database}.places"})

    assert error["code"] == "COLUMN_UNSUPPORTED"
    assert "'spot'" in error["message"]


@pytest.fixture
def fleeting(place: TablePlace) -> Iterator[TableName]:
    """A table of several pieces, gone after the test."""
    table = place.table("fleeting")
    day = dt.date(2024, 1, 1)
    place.fill_in_pieces(table, pa.table({"id": range(250), "day": [day] * 250}))
    yield table
    place.drop(table)


@pytest.mark.parametrize(
    ("change", "code"), [(TablePlace.drop, "TABLE_MISSING"), (TablePlace.add_column, "TABLE_CHANGED")]
)
def test_a_table_that_changes_while_it_is_imported_fails_and_leaves_nothing(
    bench: Workbench, place: TablePlace, fleeting: TableName, change: Change, code: str
) -> None:
    _fails_after(bench, fleeting, lambda: change(place, fleeting), code)


@ON_MYSQL
def test_a_day_of_zeros_that_comes_while_a_table_is_imported_fails_it(
    bench: Workbench, place: TablePlace, fleeting: TableName
) -> None:
    insert = "INSERT INTO fleeting VALUES (100000, '0000-00-00')"

    _fails_after(bench, fleeting, lambda: place.run("SET sql_mode = ''", insert), "VALUE_UNSUPPORTED")


def _fails_after(bench: Workbench, table: TableName, change: Callable[[], None], code: str) -> None:
    """The import of the table fails and leaves nothing, when it changes after the first piece."""
    dataset, job = bench.submit_source({"storage": "tables", "table": str(table)})
    _do(bench, 2)  # the plan, and the first piece
    change()

    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.error and ended.error["code"]) == ("FAILURE", code)
    assert bench.objects(dataset.prefix) == []


@ON_HIVE
def test_a_partitioned_table_without_partitions_is_a_dataset_without_rows(
    bench: Workbench, place: TablePlace
) -> None:
    place.run("CREATE TABLE hollow (id INT, label STRING) USING parquet PARTITIONED BY (label)")

    dataset = _imported(bench, table=f"{place.database}.hollow")

    assert dataset.row_count == 0
    assert table_of(bench, dataset).schema.names == ["id", "label"]


@ON_HIVE_PUSHED
def test_lists_come_out_as_parquet_and_are_refused_as_text(bench: Workbench, place: TablePlace) -> None:
    dataset = _imported(bench, query="SELECT 1 AS id, array('猫', NULL) AS names")

    assert pq.read_table(io.BytesIO(_only_part(exported(bench, dataset)))).to_pylist() == [
        {"id": 1, "names": ["猫", None]}
    ]
    _, _, job = bench.export(ExportRequest(datasets=((dataset.id, None),), table_format="csv"))
    bench.work()
    ended = bench.job(job.id)
    assert (ended.state, ended.error and ended.error["code"]) == ("FAILURE", "COLUMN_UNSUPPORTED")
