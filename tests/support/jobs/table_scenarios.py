"""Scenarios of jobs on datasets that are kept as tables, beside those of files: the same promises hold for them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.jobs.bench import Bench
from support.jobs.scenarios import FILE_SCENARIOS, Archiving, Delete, Import, Scenario
from support.tables.datasets import ANIMALS, KEPT, SOURCE, kept_rows
from support.tables.fake_tables import fake_storage, register_fake_tables

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.files import list_files
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Archive, Dataset
from datacenter.datasets.records import find_version, labels_of

QUERY = {"storage": "tables", "query": "SELECT * FROM zoo.animals"}


class TableJobBench(Bench):
    """A bench beside a server of tables, and one that keeps tables, which counts as its disk."""

    def __init__(self, home: Path, **shards: int) -> None:
        source, content = fake_storage(f"fake://{home}")
        keeping, self.kept = fake_storage(f"fake://{home}/kept", role="both", database="keep")
        content.tables["zoo.animals"] = content.queries[QUERY["query"]] = ANIMALS
        super().__init__(home, storages={"tables": source, KEPT: keeping}, rows=4, **shards)

    def disk(self) -> set[str]:
        """The files, the tables, and the writes that have not ended."""
        writes = {f"write {database}.{write_id}" for database, write_id in self.kept.writes}
        return super().disk() | {f"table {name}" for name in self.kept.tables} | writes


@contextmanager
def scenario_of(kind: type[Scenario], home: Path) -> Iterator[Scenario]:
    """The scenario on a bench of its own."""
    with pytest.MonkeyPatch.context() as patch:
        register_fake_tables(patch)
        bench = TableJobBench(home, **kind.shards)
        yield kind(bench)
        bench.close()


class ImportKept(Import):
    name = "import table into a table"
    source = SOURCE

    def _submit(self) -> str:
        dataset, job = self.bench.submit_source(self.source, storage=KEPT)
        self.dataset_id, self.uploaded = dataset.id, set()
        return job.id

    def made(self, job_id: str) -> Any:
        with self.bench.database.reading() as session:
            dataset, version = find_version(session, self.bench.project_id, self.dataset_id)
            labels = labels_of(session, [dataset.id])[dataset.id]
        assert dataset.state == "READY"
        self.bench.sweep()
        left = self.bench.disk() - self.before
        assert left == {version.manifest_key, f"table {dataset.table_name}"}, "nothing else was forgotten"
        assert kept_rows(self.bench, dataset).equals(ANIMALS)
        entries = list_files(self.bench.resources, dataset, version, limit=100).entries
        pieces = [replace(entry, key="") for entry in entries]
        return labels, dataset.row_count, dataset.files, dataset.size_bytes, pieces


class ImportKeptQuery(ImportKept):
    """One shard, in pieces of one batch each."""

    name = "import query into a table"
    shards: ClassVar[Mapping[str, int]] = {"size_bytes": 1}
    source = QUERY


class ExportKept(Archiving):
    name = "export table that is kept as one"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.table = _kept(bench)

    def _submit(self) -> str:
        request = ExportRequest(
            datasets=((self.base.id, None), (self.table.id, None)),
            labels=LabelFilter(any=("cat", "猫")),
            table_format="jsonl",
        )
        _, archive, job = self.bench.export(request)
        self.archive_id = archive.id
        return job.id

    @property
    def expected_objects(self) -> set[str]:
        """Rendered files are kept for a while, because a client may read a stream of them."""
        with self.bench.database.reading() as session:
            prefix = session.get_one(Archive, self.archive_id).prefix
        made = {path.removeprefix(prefix) for path in self.bench.disk() - self.before}
        return super().expected_objects | {name for name in made if name.startswith("rendered/")}


class DeleteKept(Delete):
    name = "delete table that is kept as one"

    def _prepare(self) -> None:
        self.dataset = _kept(self.bench)

    def made(self, job_id: str) -> Any:
        assert f"table {self.dataset.table_name}" not in self.bench.disk()
        return super().made(job_id)

    def left(self) -> list[str]:
        table = f"table {self.dataset.table_name}"
        return super().left() + ([table] if table in self.bench.disk() else [])


def _kept(bench: Bench) -> Dataset:
    """A dataset that is kept as a table."""
    dataset, job = bench.submit_source(SOURCE, storage=KEPT)
    bench.settle()
    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    bench.sweep()
    return bench.dataset(dataset.id)


SCENARIOS = (*FILE_SCENARIOS, ImportKept, ImportKeptQuery, ExportKept, DeleteKept)
