"""A storage of tables in memory, for tests of its callers; it fulfils the contract, without an fsspec filesystem."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from threading import Lock
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from support.storages.url_places import url_places

from datacenter.settings.model import Role, StorageSettings
from storage_adapters import registry
from storage_adapters.errors import (
    ColumnUnsupported,
    NameInvalid,
    PermissionDenied,
    QueryInvalid,
    TableChanged,
    TableExists,
    TableMissing,
    UploadMissing,
    ValueUnsupported,
)
from storage_adapters.network.waiting import Check, never_cancelled
from storage_adapters.object_storage.contract import Health
from storage_adapters.registry import AdapterEntry
from storage_adapters.table_storage.contract import (
    MAX_PART,
    WHOLE_TABLE,
    Partition,
    TableCapabilities,
    TableInfo,
    TableName,
)

BATCH_ROWS = 3
HIDDEN_COLUMN = "datacenter_part"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(kw_only=True)
class Write:
    """What was written of a table, by the number of the piece."""

    schema: pa.Schema
    keep_parts: bool
    pieces: dict[int, pa.Table] = field(default_factory=dict)

    def whole(self) -> pa.Table:
        """All rows, piece after piece."""
        pieces = [piece for _, piece in sorted(self.pieces.items())]
        return pa.concat_tables([self.schema.empty_table(), *pieces])


@dataclass(kw_only=True)
class Content:
    """What a server holds: tables by `database.table`, and the answers to queries."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    queries: dict[str, pa.Table] = field(default_factory=dict)
    before_read: Callable[[Partition], None] = lambda _: None
    """Called when the reading of a partition begins."""
    wait: Callable[[Check], None] = lambda _: None
    """Called with the caller's check before each answer: a slow server."""
    writes: dict[tuple[str, str], Write] = field(default_factory=dict)
    """What is not published, by database and id."""
    published: dict[str, tuple[str, Write]] = field(default_factory=dict)
    """The id and the pieces of each table that a write made, by `database.table`."""
    publishing: Lock = field(default_factory=Lock)


class FakeTables:
    """Reads and writes a `Content`; every instance of one URL has the same. Any database is there."""

    capabilities = TableCapabilities(write=True, snapshot=True)
    contents: ClassVar[dict[str, Content]] = {}

    def __init__(self, content: Content, *, read_only: bool = False, check: Check = never_cancelled) -> None:
        self._content = content
        self._read_only = read_only
        self._check = check

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, Any]) -> "FakeTables":
        return cls(cls.contents.setdefault(url, Content()), read_only=bool(options.get("read_only", False)))

    def watched(self, check: Check) -> "FakeTables":
        return FakeTables(self._content, read_only=self._read_only, check=check)

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
        if partition.token == "piece":
            found = self._piece(table, partition.number)
        elif partition.token:
            start, stop = map(int, partition.token.split())
            found = found.slice(start, stop - start)
        yield from _batches(found)

    def validate_query(self, query: str) -> pa.Schema:
        return self._answer(query).schema

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        self._content.before_read(WHOLE_TABLE)
        yield from _batches(self._answer(query))

    def part_partition(self, number: int) -> Partition:
        return Partition(number=_checked(number), token="piece")

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        write_id = self.begin_write(table, schema)
        try:
            self.write_partition(table, write_id, 0, batches)
            self.complete_write(table, write_id, replace=replace)
        finally:
            self.abort_write(table, write_id)

    def begin_write(
        self, table: TableName, schema: pa.Schema, *, write_id: str | None = None, keep_parts: bool = False
    ) -> str:
        self._must_write()
        write_id = token_hex(8) if write_id is None else write_id
        if not _ID.fullmatch(write_id):
            raise NameInvalid(f"The id of a write must be 16 hexadecimal digits: {write_id!r}")
        if not len(schema) or HIDDEN_COLUMN in map(str.lower, schema.names):
            raise ColumnUnsupported(f"{table} needs a column, and none that is called {HIDDEN_COLUMN}.")
        if not self._is_published(table, write_id):
            write = Write(schema=schema, keep_parts=keep_parts)
            self._content.writes.setdefault((table.database, write_id), write)
        return write_id

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        self._must_write()
        number = _checked(number)
        write = self._write(table, write_id)
        try:
            rows = pa.Table.from_batches(batches, write.schema)
        except pa.ArrowInvalid as error:
            raise ColumnUnsupported(f"A batch for {table} has other columns than the table.") from error
        # Looked for again: it may have been published or aborted meanwhile.
        self._write(table, write_id).pieces[number] = rows
        return int(rows.num_rows)

    def complete_write(
        self, table: TableName, write_id: str, *, parts: Iterable[int] | None = None, replace: bool = False
    ) -> None:
        self._must_write()
        counted = None if parts is None else set(parts)
        with self._content.publishing:
            if self._is_published(table, write_id):
                return
            write = self._write(table, write_id)
            if str(table) in self._content.tables and not replace:
                raise TableExists(f"The table {table} exists already.", key=str(table))
            if counted is not None:
                write.pieces = {number: rows for number, rows in write.pieces.items() if number in counted}
            del self._content.writes[table.database, write_id]
            self._content.tables[str(table)] = write.whole()
            self._content.published[str(table)] = (write_id, write)

    def abort_write(self, table: TableName, write_id: str) -> None:
        self._must_write()
        self._content.writes.pop((table.database, write_id), None)

    def drop_table(self, table: TableName) -> None:
        self._must_write()
        self._content.tables.pop(str(table), None)
        self._content.published.pop(str(table), None)

    def _must_write(self) -> None:
        self._content.wait(self._check)
        if self._read_only:
            raise PermissionDenied("This storage is read-only: its option 'read_only' is set.")

    def _write(self, table: TableName, write_id: str) -> Write:
        write = self._content.writes.get((table.database, write_id))
        if write is None:
            raise UploadMissing(f"There is no write {write_id!r} of {table}.", key=str(table))
        return write

    def _is_published(self, table: TableName, write_id: str) -> bool:
        return self._content.published.get(str(table), ("",))[0] == write_id

    def _piece(self, table: TableName, number: int) -> pa.Table:
        _, write = self._content.published.get(str(table), ("", None))
        if write is None or not write.keep_parts:
            raise TableChanged(f"{table} has no pieces that can be distinguished.", key=str(table))
        return write.pieces.get(number, write.schema.empty_table())

    def _find(self, table: TableName) -> pa.Table:
        self._content.wait(self._check)
        if str(table) not in self._content.tables:
            raise TableMissing(f"There is no table {table}.", key=str(table))
        return self._content.tables[str(table)]

    def _answer(self, query: str) -> pa.Table:
        self._content.wait(self._check)
        if query not in self._content.queries:
            raise QueryInvalid("The query must be one SELECT.")
        return self._content.queries[query]


def register_fake_tables(patch: pytest.MonkeyPatch) -> None:
    """Make `fake` a kind of storage."""
    entry = AdapterEntry(
        target="support.tables.fake_tables:FakeTables",
        install="part of the tests",
        places=url_places,
        contract="tables",
        keeps=True,
    )
    patch.setitem(registry.ADAPTERS, "fake", entry)


def fake_storage(
    url: str, role: Role = "source", **options: str | int | bool
) -> tuple[StorageSettings, Content]:
    """How such a storage is registered, and what it holds."""
    content = FakeTables.contents.setdefault(url, Content())
    return StorageSettings(kind="fake", url=url, role=role, options=options), content


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    if not table.num_rows:
        yield pa.RecordBatch.from_pylist([], schema=table.schema)
    yield from table.combine_chunks().to_batches(BATCH_ROWS)


def _checked(number: int) -> int:
    """The number. Raises: ValueUnsupported: it is out of range."""
    if not 0 <= number <= MAX_PART:
        raise ValueUnsupported(f"The number of a piece must be from 0 to {MAX_PART}, not {number}.")
    return number
