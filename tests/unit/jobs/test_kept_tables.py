"""A dataset that is kept as a table: what is written there, what comes out, and what is left when it ends."""

from collections.abc import Iterator

import pytest
from prefix_imports import imported
from table_datasets import (
    ANIMALS,
    KEPT,
    LABELS,
    SOURCE,
    TableBench,
    exported,
    kept_rows,
    manifest_rows_of,
    rows_of,
    table_bench,
    unzipped,
)

from datacenter.datasets.exports import ExportRequest, preview
from datacenter.datasets.models import Dataset, Delivery
from datacenter.datasets.records import labels_of
from datacenter.datasets.selection import LabelFilter
from datacenter.datasets.table_parts import PartNote


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableBench]:
    with table_bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture
def bench(shared: TableBench) -> TableBench:
    shared.fill()
    return shared


@pytest.fixture
def animals(bench: TableBench) -> Dataset:
    dataset, job = imported(bench, SOURCE, storage=KEPT)
    assert job.state == "SUCCESS", job.error
    return dataset


def test_the_rows_become_one_table_of_pieces(bench: TableBench, animals: Dataset) -> None:
    assert (animals.kind, animals.state, animals.row_count, animals.files) == ("table", "READY", 10, 3)
    assert (animals.storage, animals.table_storage) == ("default", KEPT)
    assert animals.table_name is not None
    assert animals.table_name.startswith(f"keep.datacenter_{animals.id.replace('-', '')}_")
    assert kept_rows(bench, animals).equals(ANIMALS)
    with bench.database.reading() as session:
        assert labels_of(session, [animals.id])[animals.id] == LABELS
    parts = manifest_rows_of(bench, animals)
    assert [part["path"] for part in parts] == [f"part-{number:06d}-000000" for number in range(3)]
    assert [PartNote.from_text(part["annotation"]).rows for part in parts] == [4, 4, 2]
    assert all(part["key"].startswith(f"{animals.table_name}/") for part in parts)
    assert sum(part["size_bytes"] for part in parts) == animals.size_bytes > 0
    assert bench.objects(f"{animals.prefix}objects/") == []


@pytest.mark.parametrize("table_format", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("wanted", [LabelFilter(), LabelFilter(any=("cat",)), LabelFilter(none=("cat",))])
def test_what_is_exported_is_what_parquet_parts_would_give(
    bench: TableBench, animals: Dataset, wanted: LabelFilter, table_format: str
) -> None:
    twin, _ = imported(bench, SOURCE)

    found = exported(bench, animals, labels=wanted, table_format=table_format)

    expected = exported(bench, twin, labels=wanted, table_format=table_format)
    assert rows_of(found) == rows_of(expected)
    assert found.keys() == expected.keys()


@pytest.mark.parametrize("delivery", list(Delivery))
def test_a_download_is_parquet(bench: TableBench, animals: Dataset, delivery: Delivery) -> None:
    download, job = bench.download(animals.id, delivery)
    bench.work()

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    assert rows_of(unzipped(bench.read_download(download.id))) == ANIMALS.to_pylist()


def test_a_preview_counts_the_rows(bench: TableBench, animals: Dataset) -> None:
    found = preview(bench.resources, bench.project_id, ExportRequest(datasets=((animals.id, None),)))

    assert (found.rows, found.files, found.labels) == (10, 3, LABELS)
    assert found.size_bytes == animals.size_bytes
