"""The contract of table storages: what MySQL, Hive and their like promise to the jobs, in Arrow record batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa
from fsspec import AbstractFileSystem

from storage_adapters.contract import Health


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCapabilities:
    """What a table storage can do beyond reading; an absent capability raises `NotSupported`."""

    write: bool = False
    snapshot: bool = False
    """One partition, read through, shows the table as it was when the reading began."""


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
    """A piece of a table. `token` is the storage's own text, which a job may keep; the empty one is the whole table."""

    number: int
    token: str


WHOLE_TABLE = Partition(number=0, token="")


@runtime_checkable
class TableStorage(Protocol):
    """A server with databases of tables.

    Every method raises `StorageError` subclasses and nothing of the SDK beneath. Instances hold no connection
    between calls and may be used by several threads; an iterator belongs to one thread, and closing it early
    lets the server go. Nothing in memory grows with a table.
    """

    capabilities: TableCapabilities

    @property
    def fs(self) -> AbstractFileSystem:
        """The fsspec face: tables are Parquet files, `database/table.parquet`."""

    def check(self) -> Health:
        """Connect and list, and say in words what is wrong."""

    def list_databases(self) -> Iterator[str]:
        """The databases this user may see, sorted, without the server's own."""

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        """The tables and views of a database, sorted by name. Raises: TableMissing (no such database)."""

    def describe(self, table: TableName) -> pa.Schema:
        """The table's columns as Arrow. Raises: TableMissing, ColumnUnsupported."""

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        """Pieces of about `rows` rows that together hold every row once; the same table gives the same pieces.

        A table that cannot be cut, or has no rows, is one piece. Rows that are added meanwhile fall into one piece or another.

        Raises: TableMissing.
        """

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one piece; at least one batch, which may be empty, so that the schema is always known.

        Raises:
            TableMissing: also when it was dropped after it was listed.
            TableChanged: its columns are no longer those of `schema`.
            ColumnUnsupported, ValueUnsupported.
        """

    def validate_query(self, query: str) -> pa.Schema:
        """The columns that the query gives; it is prepared, not run. Raises: QueryInvalid, ColumnUnsupported."""

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        """The rows of exactly one SELECT; at least one batch. Their order is the server's choice.

        Raises: QueryInvalid, QueryLimit, ColumnUnsupported, ValueUnsupported.
        """

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        """Make the table of the batches; it appears whole or not at all, also in the place of an older one.

        Raises: TableExists (and not `replace`), ColumnUnsupported, ValueUnsupported, NotSupported.
        """

    def begin_write(self, table: TableName, schema: pa.Schema) -> str:
        """Begin a table that several workers write, and return the id; nothing is visible before `complete_write`.

        Raises: ColumnUnsupported, NotSupported.
        """

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        """Write one numbered piece and return its rows; the same number again replaces it.

        Raises: UploadMissing, ValueUnsupported, NotSupported.
        """

    def complete_write(self, table: TableName, write_id: str, *, replace: bool = False) -> None:
        """Publish the table atomically; again, after it was published, does nothing.

        Raises: TableExists (and not `replace`), UploadMissing, NotSupported.
        """

    def abort_write(self, table: TableName, write_id: str) -> None:
        """Forget what was written; an unknown id counts as aborted."""

    def drop_table(self, table: TableName) -> None:
        """Drop the table; a missing one counts as dropped. Raises: NotSupported."""
