"""The contract of table storages: what MySQL, Hive and similar systems promise to the jobs, in Arrow record batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa
from fsspec import AbstractFileSystem

from storage_adapters.network.waiting import Check
from storage_adapters.object_storage.contract import Health


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCapabilities:
    """What a table storage can do beyond reading; an absent capability raises `NotSupported`."""

    write: bool = False
    snapshot: bool = False
    """One partition, read to its end, shows the table as it was when reading began."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableName:
    """A table by its exact names, as the server's catalogue spells them."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableInfo:
    """A table as a listing shows it; `estimated_rows` is the server's guess, if it has one."""

    name: TableName
    estimated_rows: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """A piece of a table. `token` is the storage's own text, which a job may keep; the empty token is the whole table."""

    number: int
    token: str


WHOLE_TABLE = Partition(number=0, token="")

MAX_PART = 2**63 - 1
"""The highest number of a written piece; it is large, so that callers can encode more than a count."""


@runtime_checkable
class TableStorage(Protocol):
    """A server with databases of tables.

    Every method raises `StorageError` subclasses only, never an SDK's errors. Instances hold no connection
    between calls, and several threads may use one; an iterator belongs to one thread, and closing it early
    ends the connection. Memory does not grow with a table.
    """

    capabilities: TableCapabilities

    @property
    def fs(self) -> AbstractFileSystem:
        """The fsspec face: tables are Parquet files, `database/table.parquet`."""

    def watched(self, check: Check) -> "TableStorage":
        """The same storage, for work that may be cancelled: `check` is called about every second of a wait for the server.

        An exception of `check` comes out of the method that waits, and the server's work is cancelled.
        """

    def check(self) -> Health:
        """Connect and list, and say what is wrong."""

    def list_databases(self) -> Iterator[str]:
        """The databases this user may see, sorted, without the server's own."""

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        """The tables and views of a database, sorted by name. Raises: TableMissing (no such database)."""

    def describe(self, table: TableName) -> pa.Schema:
        """The table's columns as Arrow. Raises: TableMissing, ColumnUnsupported."""

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        """Pieces of about `rows` rows that together hold every row once; the same table gives the same pieces.

        A table that cannot be cut, or has no rows, is one piece. Rows that are added meanwhile belong to one of the pieces.

        Raises: TableMissing.
        """

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one piece; at least one batch, which may be empty, so that the schema is always known.

        Raises:
            TableMissing: also if it was dropped after it was listed.
            TableChanged: its columns are no longer those of `schema`.
            ColumnUnsupported, ValueUnsupported.
        """

    def validate_query(self, query: str) -> pa.Schema:
        """The columns of the query's result; it is prepared, not run. Raises: QueryInvalid, ColumnUnsupported."""

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of exactly one SELECT; at least one batch. Their order is the server's choice.

        Raises: QueryInvalid, QueryLimit, ColumnUnsupported, ValueUnsupported.
        """

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        """Make a table from the batches; it appears whole or not at all, also when it replaces an older one.

        Raises: TableExists (and not `replace`), ColumnUnsupported, ValueUnsupported, NotSupported.
        """

    def part_partition(self, number: int) -> Partition:
        """Piece `number` of a table that was written with `keep_parts`, for reading: exactly its rows, in their order.

        A number that was never written is a piece without rows. For a table without pieces, reading raises TableChanged.

        Raises: ValueUnsupported (the number is out of range), NotSupported.
        """

    def begin_write(
        self, table: TableName, schema: pa.Schema, *, write_id: str | None = None, keep_parts: bool = False
    ) -> str:
        """Begin a table that several workers write, and return the id; nothing is visible before `complete_write`.

        A caller may give its own `write_id`, 16 hexadecimal digits: to begin it again, even at the same time, gives the same
        write and keeps its rows; if it is published already, nothing is begun. With `keep_parts` the published table
        can be read by `part_partition`; the numbers of the pieces are hidden from its columns.

        Raises: TableMissing (no such database), ColumnUnsupported, NameInvalid, NotSupported.
        """

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Write one piece, numbered from 0 to `MAX_PART`, and return its rows; the same number again replaces it.

        If two callers write one piece at the same time, one of them may fail and can be tried again.

        Raises: UploadMissing (also when it was published), ColumnUnsupported, ValueUnsupported, NotSupported.
        """

    def complete_write(
        self, table: TableName, write_id: str, *, parts: Iterable[int] | None = None, replace: bool = False
    ) -> None:
        """Publish the table atomically. To call it again is safe: after a crash it goes on, once published it does nothing.

        With `parts` the table has the rows of these pieces only, whatever else was or is written; their numbers are
        held in memory.

        Raises: TableExists (and not `replace`), UploadMissing, NotSupported.
        """

    def abort_write(self, table: TableName, write_id: str) -> None:
        """Discard what was written and not published; an unknown id counts as aborted. Raises: NotSupported."""

    def drop_table(self, table: TableName) -> None:
        """Drop the table; a missing one counts as dropped. Raises: NotSupported."""
