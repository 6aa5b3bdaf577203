"""Datasets made of tables, for their tests: imports or exports a table and checks its rows."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from support.jobs.prefix_imports import rows
from support.jobs.workbench import Workbench
from support.tables.fake_tables import fake_storage, register_fake_tables

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.models import Archive, Dataset
from datacenter.datasets.records import find_version
from datacenter.datasets.tables.kept import KeptTable
from storage_adapters.table_storage.contract import WHOLE_TABLE

ANIMALS = pa.table(
    {
        "id": pa.array(range(10), pa.int64()),
        "label": ["cat", "dog", "猫", None, "cat", " dog ", "cat", "", "cat", "猫"],
        "note": [f"row {number}" for number in range(10)],
    },
    schema=pa.schema(
        [pa.field("id", pa.int64(), nullable=False), ("label", pa.string()), ("note", pa.string())]
    ),
)
LABELS = {"cat": 4, "dog": 2, "猫": 2}
SOURCE = {"storage": "tables", "table": "zoo.animals"}
KEPT = "kept"
"""The storage of tables that keeps datasets, in the database `keep`."""


class TableBench(Workbench):
    """A data centre beside a server of tables, which holds `ANIMALS`, and one that keeps tables; its shards are four rows each."""

    def __init__(self, home: Path, **fields: Any) -> None:
        storage, self.content = fake_storage(f"fake://{home}")
        keeping, self.kept = fake_storage(f"fake://{home}/kept", role="both", database="keep")
        self.fill()
        storages = {"tables": storage, KEPT: keeping}
        super().__init__(home, storages=storages, **{"rows": 4, **fields})

    def fill(self) -> None:
        """Restore the server's first state."""
        self.content.tables = {"zoo.animals": ANIMALS}
        self.content.queries = {}
        self.content.before_read = lambda _: None
        self.content.wait = lambda _: None


@contextmanager
def table_bench(home: Path, **fields: Any) -> Iterator[TableBench]:
    """Such a bench, in which `fake` is a kind of storage while the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        register_fake_tables(patch)
        bench = TableBench(home, **fields)
        yield bench
        bench.close()


def table_of(bench: Workbench, dataset: Dataset) -> pa.Table:
    """All rows of a dataset, part by part."""
    parts = [pq.read_table(pa.BufferReader(row["data"])) for row in rows(bench, dataset).values()]
    return pa.concat_tables(parts)


def manifest_rows_of(bench: Workbench, dataset: Dataset) -> list[dict[str, Any]]:
    """The rows of the newest manifest, in its order."""
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    storage = bench.resources.storages.open(dataset.storage)
    return pa.concat_tables(read_rows(storage, version.manifest_key)).to_pylist()


def kept_rows(bench: Workbench, dataset: Dataset) -> pa.Table:
    """All rows of the table that keeps a dataset, as any reader sees it."""
    assert dataset.table_storage is not None
    assert dataset.table_name is not None
    tables = bench.resources.storages.open_tables(dataset.table_storage)
    name = KeptTable.named(dataset.table_storage, dataset.table_name).name
    return pa.Table.from_batches(tables.read_partition(name, WHOLE_TABLE))


def exported(bench: Workbench, *datasets: Dataset, **fields: Any) -> dict[str, bytes]:
    """The members of an export as a zip."""
    request = ExportRequest(datasets=tuple((dataset.id, None) for dataset in datasets), **fields)
    _, archive, job = bench.export(request)
    bench.work()
    ended = bench.job(job.id)
    assert ended.state == "SUCCESS", ended.error
    with bench.database.reading() as session:
        built = session.get_one(Archive, archive.id)
    return unzipped((bench.root / built.key).read_bytes())


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def parts_of(members: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in members.items() if path.startswith("part-")}


def rows_of(members: dict[str, bytes]) -> list[dict[str, Any]]:
    """The rows of all members that are parts, as other readers of their formats see them."""
    found: list[dict[str, Any]] = []
    for path, data in parts_of(members).items():
        if path.endswith(".parquet"):
            found += pq.read_table(io.BytesIO(data)).to_pylist()
        elif path.endswith(".csv"):
            convert = pa_csv.ConvertOptions(
                column_types=ANIMALS.schema, strings_can_be_null=True, quoted_strings_can_be_null=False
            )
            found += pa_csv.read_csv(io.BytesIO(data), convert_options=convert).to_pylist()
        else:
            found += [orjson.loads(line) for line in data.splitlines()]
    return found
