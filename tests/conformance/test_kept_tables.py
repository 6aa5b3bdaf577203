"""Tables that are kept on MariaDB: every type comes out of them as it went in, and nothing is left but the table."""

import csv
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.jobs.prefix_imports import imported
from support.jobs.workbench import Workbench
from support.tables.columns import COLUMNS
from support.tables.datasets import exported, kept_rows, table_of
from support.tables.places import PLACES, MysqlPlace, TablePlace, mysql_place

from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Dataset
from datacenter.settings.model import StorageSettings

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        yield found


@pytest.fixture(scope="module")
def keeper() -> Iterator[MysqlPlace]:
    """The storage that keeps the tables."""
    with mysql_place() as found:
        yield found


@pytest.fixture(scope="module")
def bench(
    place: TablePlace, keeper: MysqlPlace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    storages = {
        "tables": StorageSettings(kind=place.kind, url=place.url, options=place.options, role="source"),
        "kept": StorageSettings(
            kind="mysql", url=keeper.url, options={"database": keeper.database}, role="both"
        ),
    }
    bench = Workbench(tmp_path_factory.mktemp("bench"), storages=storages, rows=100)
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def typed(place: TablePlace, bench: Workbench) -> dict[str, str]:
    """A row of values and a row of NULL, in any order, as the source of an import."""
    place.run(*COLUMNS[place.kind].create("typed"))
    return {"storage": "tables", "table": f"{place.database}.typed"}


def _imported(bench: Workbench, source: dict[str, str], storage: str | None) -> Dataset:
    dataset, job = imported(bench, source, storage=storage)
    assert job.state == "SUCCESS", job.error
    return dataset


def _only_part(members: dict[str, bytes]) -> bytes:
    (found,) = (data for path, data in members.items() if path.startswith("part-"))
    return found


def test_every_type_is_in_the_table_what_it_is_in_parquet(bench: Workbench, typed: dict[str, str]) -> None:
    parts, table = (_imported(bench, typed, storage) for storage in (None, "kept"))

    assert (
        kept_rows(bench, table).sort_by("id").to_pylist() == table_of(bench, parts).sort_by("id").to_pylist()
    )


@pytest.mark.parametrize("table_format", ["parquet", "csv", "jsonl"])
def test_every_type_comes_out_as_it_does_from_parquet(
    bench: Workbench, typed: dict[str, str], table_format: str
) -> None:
    parts, table = (
        _only_part(exported(bench, _imported(bench, typed, storage), table_format=table_format))
        for storage in (None, "kept")
    )

    if table_format == "parquet":
        expected, found = (pq.read_table(io.BytesIO(data)).sort_by("id") for data in (parts, table))
        assert found.equals(expected)
    else:
        assert sorted(table.splitlines()) == sorted(parts.splitlines())


def test_every_row_is_kept_once_and_comes_out_by_label(
    bench: Workbench, place: TablePlace, keeper: MysqlPlace
) -> None:
    table = place.table("many")
    labels = ("猫", "dog", "", None, "cat")
    place.fill_in_pieces(table, pa.table({"id": range(0, 7000, 7), "label": [*labels] * 200}))

    dataset = _imported(bench, {"storage": "tables", "table": str(table)}, "kept")

    assert sorted(kept_rows(bench, dataset)["id"].to_pylist()) == list(range(0, 7000, 7))
    assert set(kept_rows(bench, dataset).schema.names) <= {"id", "label", "piece"}
    members = exported(bench, dataset, labels=LabelFilter(any=("猫",)), table_format="csv")
    texts = [data.decode() for path, data in members.items() if path.startswith("part-")]
    found = [row for text in texts for row in csv.DictReader(io.StringIO(text))]
    assert sorted(int(row["id"]) for row in found) == list(range(0, 7000, 35))
