"""A dataset that is kept as a table: what is written and read, and what is left when a job ends."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select
from support.jobs.faults import FaultyStorages, Schedule
from support.jobs.prefix_imports import failed, imported
from support.tables.datasets import (
    ANIMALS,
    KEPT,
    LABELS,
    SOURCE,
    TableBench,
    exported,
    kept_rows,
    manifest_rows_of,
    parts_of,
    rows_of,
    table_bench,
    unzipped,
)

from datacenter.datasets import deletion, retrying
from datacenter.datasets.archives.exports import ExportRequest, preview
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Dataset, Delivery, Litter
from datacenter.datasets.records import labels_of
from datacenter.datasets.tables.kept import KeptTable, piece_number
from datacenter.datasets.tables.parts import PartNote
from datacenter.ledger.models import JobDataset
from jobs.engine.engine import Engine
from jobs.registry import runners
from jobs.scheduler.sweep import remove_litter
from storage_adapters.errors import PermissionDenied, StorageUnavailable, UploadMissing
from storage_adapters.table_storage.contract import Partition


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


def test_what_a_given_up_attempt_wrote_is_no_row_of_the_table(bench: TableBench) -> None:
    dataset, job = bench.submit_source(SOURCE, storage=KEPT)
    tries: list[int] = []

    def fail_once(partition: Partition) -> None:
        """The second shard fails behind its first batch, and the table has grown when it is read again."""
        tries.append(partition.number)
        if tries == [0, 1]:
            _late_piece(bench, bench.job(job.id).payload, partition.number)
            bench.content.tables["zoo.animals"] = pa.concat_tables([ANIMALS, ANIMALS.slice(0, 1)])
            raise StorageUnavailable("The server is gone.")

    bench.content.before_read = fail_once
    bench.work()

    made = bench.dataset(dataset.id)
    assert sorted(tries) == [0, 1, 1, 2]
    assert made.row_count == kept_rows(bench, made).num_rows == 11
    assert bench.kept.writes == {}


def test_an_attempt_that_wakes_up_after_the_end_changes_nothing(bench: TableBench, animals: Dataset) -> None:
    payload = bench.job(_import_of(bench, animals)).payload

    with pytest.raises(UploadMissing):
        _late_piece(bench, payload, 1)

    assert kept_rows(bench, animals).equals(ANIMALS)


def test_rows_that_somebody_removed_are_never_exported_as_the_dataset(
    bench: TableBench, animals: Dataset
) -> None:
    _, write = bench.kept.published[str(animals.table_name)]
    number = max(write.pieces)
    write.pieces[number] = write.pieces[number].slice(1)

    _, _, job = bench.export(ExportRequest(datasets=((animals.id, None),)))
    bench.work()

    error = bench.job(job.id).error
    assert error is not None
    assert error["code"] == "OBJECT_CHANGED"


def test_an_empty_table_keeps_its_columns(bench: TableBench) -> None:
    bench.content.tables["zoo.animals"] = ANIMALS.slice(0, 0)

    dataset, job = imported(bench, SOURCE, storage=KEPT)

    assert (job.state, dataset.row_count, dataset.files) == ("SUCCESS", 0, 1)
    assert kept_rows(bench, dataset).schema.equals(ANIMALS.schema)
    (text,) = parts_of(exported(bench, dataset, table_format="csv")).values()
    assert text == b'"id","label","note"\n'


def test_a_column_that_the_storage_cannot_keep_fails_the_import_and_leaves_nothing(bench: TableBench) -> None:
    bench.content.tables["zoo.animals"] = ANIMALS.rename_columns(["id", "label", "Datacenter_Part"])
    before = set(bench.kept.tables)

    error = failed(bench, SOURCE, storage=KEPT)

    assert error["code"] == "COLUMN_UNSUPPORTED"
    assert (set(bench.kept.tables), bench.kept.writes) == (before, {})


def test_an_import_that_begins_anew_has_a_table_of_its_own(bench: TableBench) -> None:
    dataset, job = bench.submit_source(SOURCE, storage=KEPT)
    bench.content.tables.clear()
    bench.work()
    before = bench.job(job.id).payload
    bench.fill()

    with bench.database.transaction() as session:
        retrying.retry(session, bench.resources, bench.project_id, job.id)
    bench.work()

    made, after = bench.dataset(dataset.id), bench.job(job.id).payload
    assert made.state == "READY"
    assert before["kept_table"]["table"].endswith("_0")
    assert made.table_name == f"keep.{after['kept_table']['table']}"
    assert after["kept_table"]["table"].endswith("_1")


def test_deleting_drops_the_table_and_what_lies_beside_it(bench: TableBench, animals: Dataset) -> None:
    job = bench.delete(animals.id)
    bench.work()

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    assert animals.table_name not in bench.kept.tables
    assert bench.objects(animals.prefix) == []


def test_within_the_grace_period_the_table_stays_and_comes_back(bench: TableBench, animals: Dataset) -> None:
    bench.delete(animals.id, timedelta(hours=1))
    bench.work()
    assert animals.table_name in bench.kept.tables

    with bench.database.transaction() as session:
        restored = deletion.restore(session, bench.project_id, animals.id)

    columns = Dataset.__table__.columns.keys()
    assert all(getattr(restored, name) == getattr(animals, name) for name in columns)
    assert rows_of(exported(bench, restored)) == ANIMALS.to_pylist()


def test_a_dataset_that_is_deleted_while_it_is_imported_leaves_no_table(bench: TableBench) -> None:
    before = set(bench.kept.tables)
    dataset, _ = bench.submit_source(SOURCE, storage=KEPT)
    deleted: list[str] = []

    def delete(partition: Partition) -> None:
        if partition.number == 1 and not deleted:
            deleted.append(bench.delete(dataset.id).id)

    bench.content.before_read = delete
    bench.work()

    assert bench.job(deleted[0]).state == "SUCCESS", bench.job(deleted[0]).error
    assert (set(bench.kept.tables), bench.kept.writes) == (before, {})


def test_a_dataset_whose_import_can_be_retried_leaves_no_table_when_it_is_deleted(bench: TableBench) -> None:
    def fail(partition: Partition) -> None:
        if partition.number == 2:
            raise StorageUnavailable("The server is gone.")

    bench.content.before_read = fail
    dataset, job = imported(bench, SOURCE, storage=KEPT)
    assert (job.state, job.checkpoint, len(bench.kept.writes)) == ("FAILURE", True, 1)

    bench.delete(dataset.id)
    bench.work()

    assert bench.kept.writes == {}


def test_a_table_that_could_not_be_dropped_is_named_and_a_retry_drops_it(
    bench: TableBench, animals: Dataset
) -> None:
    schedule = Schedule(at=1, forever=True, fault=PermissionDenied, names={"drop_table"})
    resources = replace(bench.resources, storages=FaultyStorages(bench.resources.storages, schedule))
    job = bench.delete(animals.id)
    engine = Engine(resources, runners(), "bench:2", stopping=lambda: False, must_stop=lambda: False)

    bench.work(engine)

    ended = bench.job(job.id)
    assert ended.error is not None
    assert (ended.state, ended.error["code"]) == ("FAILURE", "STORAGE_DENIED")
    assert f"the table {animals.table_name} is still there: " in ended.error["message"]
    assert ended.result == {"dataset": animals.id, "leftovers": 1, "examples": [animals.table_name]}
    with bench.database.transaction() as session:
        retrying.retry(session, bench.resources, bench.project_id, job.id)
    bench.work()
    assert bench.job(job.id).state == "SUCCESS"
    assert animals.table_name not in bench.kept.tables


def test_what_an_undo_could_not_drop_is_swept(bench: TableBench) -> None:
    before = set(bench.kept.tables)
    schedule = Schedule(at=1, forever=True, fault=PermissionDenied, names={"abort_write"})
    resources = replace(bench.resources, storages=FaultyStorages(bench.resources.storages, schedule))
    bench.content.tables["zoo.animals"] = ANIMALS.set_column(1, "label", pa.array(["x" * 300] * 10))
    _, job = bench.submit_source(SOURCE, storage=KEPT)
    bench.work(Engine(resources, runners(), "bench:2", stopping=lambda: False, must_stop=lambda: False))
    assert (bench.job(job.id).state, len(bench.kept.writes)) == ("FAILURE", 1)

    remove_litter(bench.resources)

    assert (set(bench.kept.tables), bench.kept.writes) == (before, {})
    with bench.database.reading() as session:
        assert session.query(Litter).filter(Litter.storage == KEPT).all() == []


def _import_of(bench: TableBench, dataset: Dataset) -> str:
    with bench.database.reading() as session:
        job = session.scalars(select(JobDataset.job_id).where(JobDataset.dataset_id == dataset.id)).first()
    assert job is not None
    return job


def _late_piece(bench: TableBench, payload: dict[str, Any], shard: int) -> None:
    """An attempt that lost its lease and wakes up late writes its rows."""
    table = KeptTable.of_payload(payload)
    assert table is not None
    tables = bench.resources.storages.open_tables(KEPT)
    tables.write_partition(
        table.name, table.write_id, piece_number(shard, 0, 99), ANIMALS.slice(0, 4).to_batches()
    )
