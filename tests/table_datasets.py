"""Datasets made of tables, for their tests: a table is imported or exported, and what became of its rows is looked at."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_tables import fake_storage, register_fake_tables
from prefix_imports import rows
from workbench import Workbench

from datacenter.datasets.exports import ExportRequest
from datacenter.datasets.models import Archive, Dataset

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


class TableBench(Workbench):
    """A data centre beside a server of tables, which holds `ANIMALS`; its shards are four rows each."""

    def __init__(self, home: Path, **fields: Any) -> None:
        storage, self.content = fake_storage(f"fake://{home}")
        self.fill()
        super().__init__(home, storages={"tables": storage}, **{"rows": 4, **fields})

    def fill(self) -> None:
        """The server as it is at first, whatever a test has made of it."""
        self.content.tables = {"zoo.animals": ANIMALS}
        self.content.queries = {}
        self.content.before_read = lambda _: None


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
