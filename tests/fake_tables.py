"""A storage of tables in memory, for tests of what is done with one; it keeps the reading half of the contract."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from datacenter.settings import StorageSettings
from storage_adapters import registry
from storage_adapters.contract import Health
from storage_adapters.errors import QueryInvalid, TableChanged, TableMissing
from storage_adapters.registry import AdapterEntry
from storage_adapters.tables import WHOLE_TABLE, Partition, TableCapabilities, TableInfo, TableName

BATCH_ROWS = 3


@dataclass(kw_only=True)
class Content:
    """What a server holds: tables by `database.table`, and the answers to queries."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    queries: dict[str, pa.Table] = field(default_factory=dict)
    before_read: Callable[[Partition], None] = lambda _: None
    """Called when the reading of a partition begins."""


class FakeTables:
    """Reads a `Content`; every instance of one URL reads the same."""

    capabilities = TableCapabilities()
    contents: ClassVar[dict[str, Content]] = {}

    def __init__(self, content: Content) -> None:
        self._content = content

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, Any]) -> "FakeTables":
        return cls(cls.contents.setdefault(url, Content()))

    def check(self) -> Health:
        return Health(ok=True, detail=f"tables seen: {len(self._content.tables)}")

    def list_databases(self) -> Iterator[str]:
        yield from sorted({name.partition(".")[0] for name in self._content.tables})

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        for name in sorted(self._content.tables):
            if name.startswith(f"{database}."):
                table = name.removeprefix(f"{database}.")
                yield TableInfo(name=TableName(database=database, table=table))

    def describe(self, table: TableName) -> pa.Schema:
        return self._find(table).schema

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        for number, start in enumerate(range(0, max(1, self._find(table).num_rows), rows)):
            yield Partition(number=number, token=f"{start} {start + rows}")

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        self._content.before_read(partition)
        found = self._find(table)
        if schema is not None and not found.schema.equals(schema):
            raise TableChanged(f"The columns of {table} changed.", key=str(table))
        if partition.token:
            start, stop = map(int, partition.token.split())
            found = found.slice(start, stop - start)
        yield from _batches(found)

    def validate_query(self, query: str) -> pa.Schema:
        return self._answer(query).schema

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        self._content.before_read(WHOLE_TABLE)
        yield from _batches(self._answer(query))

    def _find(self, table: TableName) -> pa.Table:
        if str(table) not in self._content.tables:
            raise TableMissing(f"There is no table {table}.", key=str(table))
        return self._content.tables[str(table)]

    def _answer(self, query: str) -> pa.Table:
        if query not in self._content.queries:
            raise QueryInvalid("The query must be one SELECT.")
        return self._content.queries[query]


def register_fake_tables(patch: pytest.MonkeyPatch) -> None:
    """Make `fake` a kind of storage."""
    entry = AdapterEntry(target="fake_tables:FakeTables", install="part of the tests")
    patch.setitem(registry.TABLE_ADAPTERS, "fake", entry)  # type: ignore[arg-type]  # a table of adapters is read only


def fake_storage(url: str) -> tuple[StorageSettings, Content]:
    """How such a storage is registered, and what it holds."""
    content = FakeTables.contents.setdefault(url, Content())
    return StorageSettings(kind="fake", url=url, role="source"), content


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    if not table.num_rows:
        yield pa.RecordBatch.from_pylist([], schema=table.schema)
    yield from table.combine_chunks().to_batches(BATCH_ROWS)
