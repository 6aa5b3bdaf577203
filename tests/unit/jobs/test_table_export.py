"""Export and download of tables: which rows come out, in which format, and from which stored bytes."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pytest
from support.jobs.prefix_imports import imported, rows
from support.jobs.scenarios import zip_of
from support.tables.datasets import (
    ANIMALS,
    SOURCE,
    TableBench,
    exported,
    parts_of,
    rows_of,
    table_bench,
    unzipped,
)

from datacenter.datasets.archives.exports import ExportRequest, preview
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Dataset, Delivery, Litter
from datacenter.ledger.models import Shard

FILTERS = [
    LabelFilter(any=("cat",)),
    LabelFilter(any=("cat", "猫"), none=("猫",)),
    LabelFilter(all=("dog",)),
    LabelFilter(all=("cat", "dog")),
    LabelFilter(none=("cat",)),
    LabelFilter(),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableBench]:
    with table_bench(tmp_path_factory.mktemp("bench"), part_bytes=4 << 10) as bench:
        yield bench


@pytest.fixture(scope="module")
def animals(bench: TableBench) -> Dataset:
    return imported(bench, SOURCE, name="animals")[0]


def expected(wanted: LabelFilter) -> list[dict[str, Any]]:
    """The rows of `ANIMALS` that match the filter, as the interface defines it."""

    def fits(label: str | None) -> bool:
        has = {label.strip()} - {""} if label else set()
        return (
            (not wanted.any or bool(has & set(wanted.any)))
            and set(wanted.all) <= has
            and not has & set(wanted.none)
        )

    return [row for row in ANIMALS.to_pylist() if fits(row["label"])]


def test_without_a_filter_the_stored_parts_are_exported_as_they_are(
    bench: TableBench, animals: Dataset
) -> None:
    members = exported(bench, animals)

    assert parts_of(members) == {path: row["data"] for path, row in rows(bench, animals).items()}


@pytest.mark.parametrize("table_format", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("wanted", FILTERS)
def test_rows_are_chosen_by_their_labels(
    bench: TableBench, animals: Dataset, wanted: LabelFilter, table_format: str
) -> None:
    members = exported(bench, animals, labels=wanted, table_format=table_format)

    assert rows_of(members) == expected(wanted)
    assert all(path.endswith(f".{table_format}") for path in parts_of(members))


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_preview_counts_the_rows_that_come_out(
    bench: TableBench, animals: Dataset, wanted: LabelFilter
) -> None:
    request = ExportRequest(datasets=((animals.id, None),), labels=wanted)

    found = preview(bench.resources, bench.project_id, request)

    members = exported(bench, animals, labels=wanted)
    assert (found.rows, found.files) == (len(expected(wanted)), len(parts_of(members)))
    labels = [row["label"].strip() for row in expected(wanted) if (row["label"] or "").strip()]
    assert found.labels == {label: labels.count(label) for label in sorted(set(labels))}
    if wanted == LabelFilter():
        assert found.size_bytes == animals.size_bytes
    else:  # a guess
        assert (0 < found.size_bytes < animals.size_bytes) is bool(expected(wanted))


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_tables_and_files_go_into_one_archive(bench: TableBench, animals: Dataset, compression: str) -> None:
    pets = bench.imported(zip_of({"cat/1.png": b"a cat", "dog/1.png": b"a dog"}))

    members = exported(
        bench, animals, pets, labels=LabelFilter(any=("cat",)), table_format="csv", compression=compression
    )

    assert members["cat/1.png"] == b"a cat"
    assert "dog/1.png" not in members
    assert rows_of(members) == expected(LabelFilter(any=("cat",)))


def test_the_lists_of_the_archive_tell_what_is_in_it(bench: TableBench, animals: Dataset) -> None:
    members = exported(bench, animals, labels=LabelFilter(any=("dog",)), table_format="jsonl")

    listed = [orjson.loads(line) for line in members["manifest.jsonl"].splitlines()]
    assert [(row["path"], row["labels"], row["annotation"]) for row in listed] == [
        ("part-000000-000000.jsonl", ["dog"], {"rows": 1, "labels": {"dog": 1}}),
        ("part-000001-000000.jsonl", ["dog"], {"rows": 1, "labels": {"dog": 1}}),
    ]
    assert all(row["size_bytes"] == len(members[row["path"]]) for row in listed)


def test_two_tables_with_the_same_paths_go_into_folders(bench: TableBench, animals: Dataset) -> None:
    twin, _ = imported(bench, SOURCE, name="twin")

    members = exported(bench, animals, twin, table_format="csv")

    assert sorted({path.partition("/")[0] for path in members}) == [
        "animals",
        "labels.jsonl",
        "manifest.jsonl",
        "twin",
    ]


def test_another_table_format_is_another_archive_only_if_there_is_a_table(
    bench: TableBench, animals: Dataset
) -> None:
    pets = bench.imported(zip_of({"cat/1.png": b"a cat"}))

    def archive(dataset: Dataset, table_format: str) -> str:
        request = ExportRequest(datasets=((dataset.id, None),), table_format=table_format)
        return bench.export(request)[1].id

    assert len({archive(animals, name) for name in ("parquet", "csv", "jsonl", "csv")}) == 3
    assert len({archive(pets, name) for name in ("parquet", "csv", "jsonl")}) == 1
    bench.work()


@pytest.mark.parametrize("delivery", list(Delivery))
@pytest.mark.parametrize("labels", [LabelFilter(), LabelFilter(any=("cat",))])
def test_a_table_can_be_downloaded_whole_or_by_label(
    bench: TableBench, delivery: Delivery, labels: LabelFilter
) -> None:
    dataset, _ = imported(bench, SOURCE)
    download, job = bench.download(dataset.id, delivery, labels=labels)
    bench.work()

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    assert rows_of(unzipped(bench.read_download(download.id))) == expected(labels)


def test_a_stream_and_an_archive_of_the_same_rows_share_one_archive(
    bench: TableBench, animals: Dataset
) -> None:
    labels = LabelFilter(none=("猫",))
    stream, _ = bench.download(animals.id, Delivery.STREAM, labels=labels)
    bench.work()
    streamed = bench.read_download(stream.id)
    built, job = bench.download(animals.id, Delivery.ARCHIVE, labels=labels)
    bench.work()

    assert bench.job(job.id).state == "SUCCESS"
    assert built.archive_id == stream.archive_id
    assert bench.read_download(built.id) == streamed


def test_rendered_parts_are_litter_once_the_archive_is_there(bench: TableBench, animals: Dataset) -> None:
    exported(bench, animals, labels=LabelFilter(any=("猫",)), table_format="csv")

    with bench.database.reading() as session:
        prefixes = [litter.prefix for litter in session.query(Litter)]
    assert any(prefix.endswith("/rendered/") and bench.objects(prefix) for prefix in prefixes)


def test_only_parts_that_keep_a_row_are_read(bench: TableBench, animals: Dataset) -> None:
    request = ExportRequest(
        datasets=((animals.id, None),), labels=LabelFilter(any=("dog",)), table_format="jsonl"
    )
    _, _, job = bench.export(request)
    bench.work()

    with bench.database.reading() as session:
        specs = [
            shard.spec
            for shard in session.query(Shard).filter(Shard.job_id == job.id)
            if "dataset" in shard.spec
        ]
    assert [spec["row"] for spec in specs] in ([0, 1], [])


@pytest.mark.parametrize("at", [0.2, 0.5, -1])
def test_a_part_that_was_changed_is_never_exported(bench: TableBench, at: float) -> None:
    dataset, _ = imported(bench, SOURCE)
    part = bench.root / next(iter(rows(bench, dataset).values()))["key"]
    data = bytearray(part.read_bytes())
    data[int(at * len(data)) if at >= 0 else -1] ^= 0xFF
    part.write_bytes(data)

    _, _, job = bench.export(ExportRequest(datasets=((dataset.id, None),), table_format="csv"))
    bench.work()

    error = bench.job(job.id).error
    assert error is not None
    assert error["code"] == "OBJECT_CHANGED"


def test_a_column_that_a_format_has_no_form_for_is_named(bench: TableBench) -> None:
    bench.content.tables["zoo.nested"] = pa.table({"boxes": pa.array([[1, 2]], pa.list_(pa.int64()))})
    dataset, _ = imported(bench, {"storage": "tables", "table": "zoo.nested"})

    assert rows_of(exported(bench, dataset)) == [{"boxes": [1, 2]}]
    _, _, job = bench.export(ExportRequest(datasets=((dataset.id, None),), table_format="csv"))
    bench.work()

    error = bench.job(job.id).error
    assert error is not None
    assert error["code"] == "COLUMN_UNSUPPORTED"
    assert "'boxes'" in error["message"]


def test_an_empty_table_is_exported_with_its_columns(bench: TableBench) -> None:
    bench.content.tables["zoo.empty"] = ANIMALS.slice(0, 0)
    dataset, _ = imported(bench, {"storage": "tables", "table": "zoo.empty"})

    (text,) = parts_of(exported(bench, dataset, table_format="csv")).values()

    assert list(csv.reader(io.StringIO(text.decode()))) == [["id", "label", "note"]]


def test_a_label_that_no_row_has_gives_an_empty_archive(bench: TableBench, animals: Dataset) -> None:
    members = exported(bench, animals, labels=LabelFilter(any=("horse",)), table_format="csv")

    assert set(members) == {"labels.jsonl", "manifest.jsonl"}
