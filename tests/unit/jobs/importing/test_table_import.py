"""Import of a table: its rows and labels in the dataset, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from support.jobs.prefix_imports import check_nothing_left, failed, imported, rows
from support.tables.datasets import ANIMALS, LABELS, SOURCE, TableBench, table_bench, table_of

from datacenter.archives.crc import crc32
from datacenter.datasets.labelling import FileSelection, relabel
from datacenter.datasets.records import labels_of
from datacenter.errors import Conflict, Invalid
from datacenter.settings.model import LimitSettings
from storage_adapters.errors import ServerUntrusted, StorageUnavailable
from storage_adapters.table_storage.contract import Partition


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableBench]:
    with table_bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture
def bench(shared: TableBench) -> TableBench:
    shared.fill()
    return shared


def test_the_rows_of_a_table_become_parts_a_shard_each(bench: TableBench) -> None:
    dataset, job = imported(bench, SOURCE)

    assert job.state == "SUCCESS", job.error
    assert (dataset.kind, dataset.row_count, dataset.files) == ("table", 10, 3)
    assert table_of(bench, dataset).equals(ANIMALS)
    parts = rows(bench, dataset)
    assert list(parts) == [f"part-{number:06d}-000000.parquet" for number in range(3)]
    assert all(
        (row["size_bytes"], row["crc32"]) == (len(row["data"]), crc32(row["data"])) for row in parts.values()
    )
    assert dataset.size_bytes == sum(row["size_bytes"] for row in parts.values()) == job.bytes_done
    assert (job.files_done, job.files_total) == (3, 3)


def test_the_column_label_labels_the_rows(bench: TableBench) -> None:
    dataset, job = imported(bench, SOURCE)

    assert job.result is not None
    assert (dataset.label_column, job.result["label_column"], job.result["rows"]) == ("label", "label", 10)
    with bench.database.reading() as session:
        assert labels_of(session, [dataset.id])[dataset.id] == LABELS
    assert [row["labels"] for row in rows(bench, dataset).values()] == [
        ["cat", "dog", "猫"],
        ["cat", "dog"],
        ["cat", "猫"],
    ]


def test_what_an_import_calls_at_a_server_of_tables_is_measured(bench: TableBench) -> None:
    def calls(operation: str) -> float:
        labels = {"storage": "tables", "operation": operation}
        metric = "datacenter_storage_call_duration_seconds_count"
        return bench.resources.metrics.registry.get_sample_value(metric, labels) or 0

    before = calls("list_partitions"), calls("read_partition")
    imported(bench, SOURCE)

    assert calls("list_partitions") > before[0]
    assert calls("read_partition") == before[1] + 3


@pytest.mark.parametrize(("column", "labels"), [("note", 10), ("id", 10), ("", 0)])
def test_another_column_labels_the_rows_or_none(bench: TableBench, column: str, labels: int) -> None:
    dataset, job = imported(bench, SOURCE, label_column=column)

    assert job.state == "SUCCESS", job.error
    assert dataset.label_column == (column or None)
    with bench.database.reading() as session:
        assert len(labels_of(session, [dataset.id])[dataset.id]) == labels


def test_a_query_is_one_shard(bench: TableBench) -> None:
    bench.content.queries["SELECT"] = ANIMALS

    dataset, job = imported(bench, {"storage": "tables", "query": "SELECT"})

    assert (job.state, job.files_total, dataset.kind) == ("SUCCESS", 1, "table")
    assert table_of(bench, dataset).equals(ANIMALS)


def test_a_large_partition_becomes_several_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.importing.table_parts.GROUP_BYTES", 1)
    with table_bench(tmp_path, rows=100, size_bytes=1) as bench:
        dataset, job = imported(bench, SOURCE)

        assert (job.state, job.files_total, dataset.files) == ("SUCCESS", 1, 4)
        assert table_of(bench, dataset).equals(ANIMALS)


def test_an_empty_table_keeps_its_columns(bench: TableBench) -> None:
    bench.content.tables["zoo.animals"] = ANIMALS.slice(0, 0)

    dataset, job = imported(bench, SOURCE)

    assert (job.state, dataset.row_count, dataset.files) == ("SUCCESS", 0, 1)
    assert table_of(bench, dataset).schema.equals(ANIMALS.schema)


def test_a_partition_that_is_read_again_counts_once(bench: TableBench) -> None:
    tries: list[int] = []

    def break_once(partition: Partition) -> None:
        tries.append(partition.number)
        if tries == [0, 1]:
            bench.content.tables["zoo.animals"] = pa.concat_tables([ANIMALS, ANIMALS.slice(0, 1)])
            raise StorageUnavailable("The server is gone.")

    bench.content.before_read = break_once
    dataset, job = imported(bench, SOURCE)

    assert job.state == "SUCCESS", job.error
    assert sorted(tries) == [0, 1, 1, 2]
    assert dataset.row_count == table_of(bench, dataset).num_rows == 11
    assert len(bench.objects(f"{dataset.prefix}objects/")) == dataset.files


def test_what_a_given_up_attempt_wrote_goes_when_the_import_ends(bench: TableBench) -> None:
    dataset, job = bench.submit_source(SOURCE)

    def write_as_another_attempt(partition: Partition) -> None:
        folder = f"{dataset.prefix}objects/{job.id[-12:]}-0/{partition.number:06d}-000099/"
        bench.keep("default", {f"{folder}000000.parquet": b"late"})

    bench.content.before_read = write_as_another_attempt
    bench.work()

    assert bench.dataset(dataset.id).state == "READY"
    assert len(bench.objects(f"{dataset.prefix}objects/")) == 3


def test_a_table_that_is_dropped_while_it_is_read_fails_and_leaves_nothing(bench: TableBench) -> None:
    def drop(partition: Partition) -> None:
        if partition.number == 1:
            del bench.content.tables["zoo.animals"]

    bench.content.before_read = drop

    assert failed(bench, SOURCE)["code"] == "TABLE_MISSING"


def test_a_table_whose_columns_change_while_it_is_read_fails_and_leaves_nothing(bench: TableBench) -> None:
    def alter(partition: Partition) -> None:
        if partition.number == 2:
            bench.content.tables["zoo.animals"] = ANIMALS.drop_columns(["note"])

    bench.content.before_read = alter

    assert failed(bench, SOURCE)["code"] == "TABLE_CHANGED"


def test_a_query_whose_columns_change_before_it_is_run_fails(bench: TableBench) -> None:
    bench.content.queries["SELECT"] = ANIMALS
    bench.content.before_read = lambda _: bench.content.queries.update(
        {"SELECT": ANIMALS.drop_columns(["id"])}
    )

    assert failed(bench, {"storage": "tables", "query": "SELECT"})["code"] == "TABLE_CHANGED"


def test_an_error_of_the_server_is_the_jobs(bench: TableBench) -> None:
    def lie(_: Partition) -> None:
        raise ServerUntrusted("The server sent a row with fewer values than columns.")

    bench.content.before_read = lie

    assert failed(bench, SOURCE)["code"] == "SERVER_UNTRUSTED"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"table": "zoo.nothing"}, "TABLE_MISSING"),
        ({"table": 'zoo.a"; DROP TABLE animals; --'}, "TABLE_MISSING"),
        ({"query": "/* as asked */ DELETE FROM zoo.animals"}, "QUERY_INVALID"),
    ],
)
def test_what_is_no_table_or_query_fails_and_leaves_nothing(
    bench: TableBench, source: dict[str, str], code: str
) -> None:
    assert failed(bench, {"storage": "tables", **source})["code"] == code


@pytest.mark.parametrize("column", ["nothing", "weight"])
def test_a_column_that_is_missing_or_holds_no_labels_is_named(bench: TableBench, column: str) -> None:
    bench.content.tables["zoo.animals"] = ANIMALS.append_column("weight", pa.array([1.5] * 10))

    error = failed(bench, SOURCE, label_column=column)

    assert (error["code"], error["entry"]) == ("BAD_LABELS", column)
    assert "label_column" in error["message"]


def test_a_value_that_can_be_no_label_fails_and_is_shown(bench: TableBench) -> None:
    bench.content.tables["zoo.animals"] = pa.table({"label": ["cat", "a\nb"]})

    error = failed(bench, SOURCE)

    assert (error["code"], error["entry"]) == ("BAD_LABELS", "a\\nb")


@pytest.mark.parametrize("shard_rows", [4, 100])
def test_too_many_different_labels_fail_and_the_cure_is_told(tmp_path: Path, shard_rows: int) -> None:
    with table_bench(tmp_path, rows=shard_rows, limits=LimitSettings(labels=9)) as bench:
        error = failed(bench, SOURCE, label_column="note")

        assert error["code"] == "TOO_MANY_LABELS"
        assert "label_column" in error["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"source": {"storage": "tables", "table": "animals"}}, "source.table"),
        ({"source": {"storage": "tables", "table": ".animals"}}, "source.table"),
        ({"source": {"storage": "tables", "query": " "}}, "source.query"),
        ({"source": {"storage": "tables", "key": "a.zip"}}, "source.storage"),
        ({"source": {"storage": "tables", "prefix": ""}}, "source.storage"),
        ({"source": {"storage": "inbox", "table": "zoo.animals"}}, "source.storage"),
        ({"source": {"storage": "inbox", "prefix": ""}, "label_column": "label"}, "label_column"),
        ({"source": SOURCE, "label_format": "csv"}, "label_format"),
        ({"source": SOURCE, "name_encoding": "big5"}, "name_encoding"),
        ({"source": SOURCE, "storage": "tables"}, "storage"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_and_names_the_field(
    bench: TableBench, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        bench.submit_source(**fields)  # type: ignore[arg-type]  # each is a request

    assert refused.value.field == field
    assert refused.value.detail.startswith(f"{field}:")


def test_deleting_the_dataset_leaves_nothing_of_it(bench: TableBench) -> None:
    dataset, _ = imported(bench, SOURCE)

    bench.delete(dataset.id)
    bench.work()

    check_nothing_left(bench, dataset)


def test_the_labels_of_a_table_cannot_be_changed_by_hand(bench: TableBench) -> None:
    dataset, _ = imported(bench, SOURCE)

    with pytest.raises(Conflict, match="label column"):
        relabel(
            bench.resources,
            bench.project_id,
            dataset.id,
            select=FileSelection(prefix=""),
            add=("new",),
            remove=(),
            also=lambda *_: None,
        )
    assert bench.dataset(dataset.id).version == 1
