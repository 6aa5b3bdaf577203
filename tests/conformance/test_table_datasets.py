"""Tables of a MariaDB become datasets and come out again: every type in every format, and what is refused leaves nothing."""

import base64
import csv
import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from prefix_imports import failed, imported, rows
from table_datasets import exported, table_of
from table_places import TablePlace, mysql_place
from workbench import Workbench

from datacenter.datasets.models import Dataset
from datacenter.datasets.selection import LabelFilter
from datacenter.settings import StorageSettings
from jobs.engine import Engine
from jobs.registry import runners

pytestmark = pytest.mark.real

MOMENT = dt.datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=dt.UTC)
COLUMNS: dict[str, tuple[str, str, Any, str, Any]] = {
    # name: (SQL type, SQL value, the value in Arrow, in CSV, in JSON)
    "small": ("TINYINT", "-128", -128, "-128", -128),
    "huge": ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1, "18446744073709551615", 2**64 - 1),
    "price": ("DECIMAL(30,10)", "-12345678901234567890.0123456789", Decimal("-12345678901234567890.0123456789"),
              "-12345678901234567890.0123456789", "-12345678901234567890.0123456789"),
    "wide": ("DECIMAL(65,30)", "1." + "3" * 30, Decimal("1." + "3" * 30), "1." + "3" * 30, "1." + "3" * 30),
    "ratio": ("DOUBLE", "0.1", 0.1, "0.1", 0.1),
    "flag": ("BIT(1)", "b'1'", True, "true", True),
    "day": ("DATE", "'2024-02-29'", dt.date(2024, 2, 29), "2024-02-29", "2024-02-29"),
    "hour": ("TIME(6)", "'23:59:58.123456'", dt.time(23, 59, 58, 123456), "23:59:58.123456", "23:59:58.123456"),
    "local": ("DATETIME(6)", "'2024-02-29 23:59:58.123456'", MOMENT.replace(tzinfo=None),
              "2024-02-29 23:59:58.123456", "2024-02-29 23:59:58.123456"),
    "moment": ("TIMESTAMP(6) NULL", "'2024-02-29 23:59:58.123456'", MOMENT,
               "2024-02-29 23:59:58.123456Z", "2024-02-29 23:59:58.123456Z"),
    "bytes": ("BLOB", "x'00ff0a22'", b'\x00\xff\n"', base64.b64encode(b'\x00\xff\n"').decode(), "AP8KIg=="),
    "text": ("LONGTEXT", "'猫,\\n\\\"狗\\\" 😀'", '猫,\n"狗" 😀', '猫,\n"狗" 😀', '猫,\n"狗" 😀'),
    "empty": ("VARCHAR(9)", "''", "", "", ""),
}  # fmt: skip
ARROW, CSV, JSON = ({name: column[place] for name, column in COLUMNS.items()} for place in (2, 3, 4))


@pytest.fixture(scope="module")
def place() -> Iterator[TablePlace]:
    with mysql_place() as found:
        yield found


@pytest.fixture(scope="module")
def bench(place: TablePlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    tables = StorageSettings(kind="mysql", url=place.url, role="source")
    bench = Workbench(tmp_path_factory.mktemp("bench"), storages={"tables": tables}, rows=100)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def typed(place: TablePlace, bench: Workbench) -> Dataset:
    """A row of values and a row of NULL."""
    kinds = ", ".join(f"`{name}` {kind}" for name, (kind, *_) in COLUMNS.items())
    values = ", ".join(column[1] for column in COLUMNS.values())
    nulls = ", ".join("NULL" for _ in COLUMNS)
    place.run(
        f"CREATE TABLE typed (id INT PRIMARY KEY, {kinds})",
        f"INSERT INTO typed VALUES (1, {values})",
        f"INSERT INTO typed VALUES (2, {nulls})",
    )
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


def test_every_type_comes_out_as_parquet(bench: Workbench, typed: Dataset) -> None:
    found = pq.read_table(io.BytesIO(_only_part(exported(bench, typed)))).to_pylist()

    assert found == [{"id": 1, **ARROW}, {"id": 2, **dict.fromkeys(COLUMNS)}]
    assert found[0]["moment"].utcoffset() == dt.timedelta(0)


def test_every_type_comes_out_as_csv(bench: Workbench, typed: Dataset) -> None:
    text = _only_part(exported(bench, typed, table_format="csv")).decode()

    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"id": "1", **CSV},
        {"id": "2", **dict.fromkeys(COLUMNS, "")},
    ]
    # Python's reader does not tell an empty text from NULL; the quotes do.
    assert text.splitlines()[-2].endswith(',""')
    assert text.splitlines()[-1] == "2" + "," * len(COLUMNS)


def test_every_type_comes_out_as_json_lines(bench: Workbench, typed: Dataset) -> None:
    lines = _only_part(exported(bench, typed, table_format="jsonl")).splitlines()

    assert [orjson.loads(line) for line in lines] == [{"id": 1, **JSON}, {"id": 2, **dict.fromkeys(COLUMNS)}]


def test_a_query_gives_the_same_types_as_its_table(
    bench: Workbench, place: TablePlace, typed: Dataset
) -> None:
    dataset = _imported(bench, query=f"SELECT * FROM {place.database}.typed ORDER BY id LIMIT 10;")

    assert table_of(bench, dataset).equals(table_of(bench, typed))


def test_every_row_is_imported_once_in_pieces_along_the_key(bench: Workbench, place: TablePlace) -> None:
    place.run(
        "CREATE TABLE many (id INT PRIMARY KEY, label VARCHAR(20))",
        "INSERT INTO many SELECT seq * 7, ELT(seq % 4 + 1, '猫', 'dog', '', NULL) FROM seq_1_to_1000",
    )

    dataset = _imported(bench, table=f"{place.database}.many")

    found = table_of(bench, dataset)
    assert found["id"].to_pylist() == list(range(7, 7007, 7))
    assert (dataset.row_count, dataset.files) == (1000, 10)
    members = exported(bench, dataset, labels=LabelFilter(any=("猫",)), table_format="csv")
    lines = [
        line for path, data in members.items() if path.startswith("part-") for line in data.splitlines()[1:]
    ]
    assert len(lines) == 250
    assert all(line.endswith(b',"\xe7\x8c\xab"') for line in lines)


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
        ("DROP TABLE many", "QUERY_INVALID"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "QUERY_INVALID"),
        ("SELECT nothing", "QUERY_INVALID"),
        ("SELECT * FROM nowhere.nothing", "TABLE_MISSING"),
        ("SELECT POINT(1, 1) AS place", "COLUMN_UNSUPPORTED"),
    ],
)
def test_what_is_not_one_readable_select_fails_and_leaves_nothing(
    bench: Workbench, statement: str, code: str
) -> None:
    assert failed(bench, {"storage": "tables", "query": statement})["code"] == code


def test_a_column_without_a_form_in_arrow_is_named(bench: Workbench, place: TablePlace) -> None:
    place.run("CREATE TABLE places (id INT PRIMARY KEY, spot POINT)")

    error = failed(bench, {"storage": "tables", "table": f"{place.database}.places"})

    assert error["code"] == "COLUMN_UNSUPPORTED"
    assert "'spot'" in error["message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("DROP TABLE fleeting", "TABLE_MISSING"),
        ("ALTER TABLE fleeting ADD COLUMN more INT", "TABLE_CHANGED"),
        ("INSERT INTO fleeting VALUES (100000, '0000-00-00')", "VALUE_UNSUPPORTED"),
    ],
)
def test_a_table_that_changes_while_it_is_imported_fails_and_leaves_nothing(
    bench: Workbench, place: TablePlace, change: str, code: str
) -> None:
    place.run(
        "CREATE OR REPLACE TABLE fleeting (id INT PRIMARY KEY, day DATE)",
        "INSERT INTO fleeting SELECT seq, '2024-01-01' FROM seq_1_to_250",
    )
    dataset, job = bench.submit_source({"storage": "tables", "table": f"{place.database}.fleeting"})
    _do(bench, 2)  # the plan, and the first of three partitions
    place.run("SET sql_mode = ''", change)

    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.error and ended.error["code"]) == ("FAILURE", code)
    assert bench.objects(dataset.prefix) == []
