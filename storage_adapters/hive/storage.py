"""The Hive storage: the reading half of the contract of tables."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import NoReturn

import pyarrow as pa

from storage_adapters.errors import NotSupported, QueryLimit, StorageError
from storage_adapters.hive import catalog
from storage_adapters.hive.columns import Column, probe, schema_of
from storage_adapters.hive.faults import may_be_wrong_protocol
from storage_adapters.hive.options import EXAMPLE, WIRE_PROTOCOL, HiveOptions
from storage_adapters.hive.pushdown import read_pushed_down
from storage_adapters.hive.query_rules import HIVE_SQL
from storage_adapters.hive.reading import query_source, stream, where_in_partition
from storage_adapters.hive.session import Session, connected
from storage_adapters.hive.staging import PREFIX, StagingDirectory, as_staging_options, open_staging
from storage_adapters.network.protocol_probe import wrong_protocol_at
from storage_adapters.network.waiting import Check, never_cancelled
from storage_adapters.object_storage.contract import Health
from storage_adapters.options import OptionValue, read_options
from storage_adapters.table_storage.contract import (
    WHOLE_TABLE,
    Partition,
    TableCapabilities,
    TableInfo,
    TableName,
)
from storage_adapters.table_storage.filesystem import TableFileSystem
from storage_adapters.table_storage.query_scanner import own_functions
from storage_adapters.table_storage.source import Source
from storage_adapters.table_storage.urls import server_of

ONE_ROW = "SELECT 1 AS datacenter_check"
WRONG_DIRECTORY = (
    "The engine wrote a row, but not to the staging directory: correct the option 'engine_staging', the engine's URL "
    "of the directory in the option 'staging'."
)


class HiveStorage:
    """Tables of a server that speaks HiveServer2's protocol: Hive, or Spark's Thrift server.

    With a staging directory every table, partition and query is pushed down; without one the server sends the
    rows itself. Nothing is written: the tables are the warehouse's own. The server has no snapshots: a read of a
    table that is being written may see a part of the change, or raise `TableChanged` if its files are gone.
    """

    capabilities = TableCapabilities()

    def __init__(
        self, options: HiveOptions, staging: StagingDirectory | None = None, check: Check = never_cancelled
    ) -> None:
        self._options = options
        self._functions = own_functions(options.functions, HIVE_SQL)
        self._staging = staging
        self._check = check

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "HiveStorage":
        """Open `hive://user:password@host:10000`. Raises: ConfigurationInvalid."""
        return cls.from_options({**server_of(url, EXAMPLE), **options})

    @classmethod
    def from_options(cls, options: Mapping[str, OptionValue]) -> "HiveStorage":
        """Open a server by its options and those of its staging storage, `staging_…`. Raises: ConfigurationInvalid."""
        theirs = {name.removeprefix(PREFIX): options[name] for name in options if name.startswith(PREFIX)}
        ours = {name: value for name, value in options.items() if not name.startswith(PREFIX)}
        found = read_options(HiveOptions, ours)
        return cls(found, open_staging(found, theirs))

    @property
    def fs(self) -> TableFileSystem:
        return TableFileSystem(self)

    def watched(self, check: Check) -> "HiveStorage":
        return HiveStorage(self._options, self._staging, check)

    def check(self) -> Health:
        place = f"{self._options.host}:{self._options.port}"
        try:
            with self._connected() as session:
                names = catalog.list_databases(session)
        except StorageError as error:
            at = self._options
            wrong_protocol = (
                wrong_protocol_at(at.host, at.port, WIRE_PROTOCOL, at.reach)
                if may_be_wrong_protocol(error)
                else ""
            )
            return Health(ok=False, detail=wrong_protocol or f"{place}: {error.detail}")
        tls = "without TLS" if self._options.tls == "off" else "with TLS"
        found = f"{place} ({session.server} {session.version}) answers {self._options.user} {tls}; databases seen: {len(names)}."
        if self._staging is None:
            return Health(ok=True, detail=found)
        return self._check_staging(found)

    def _check_staging(self, found: str) -> Health:
        """Check the directory from here, then push one row through it: the engine is another user, on other machines."""
        assert self._staging is not None
        staging = self._staging.storage.check()
        if not staging.ok:
            return Health(ok=False, detail=f"{found} Staging: {as_staging_options(staging.detail)}")
        try:
            rows = sum(batch.num_rows for batch in self.read_query(ONE_ROW))
        except StorageError as error:
            return Health(ok=False, detail=f"{found} A row cannot be pushed down: {error.detail}")
        if rows != 1:
            return Health(ok=False, detail=f"{found} {WRONG_DIRECTORY}")
        return Health(ok=True, detail=f"{found} Staging: {staging.detail} A row was pushed down and read.")

    def list_databases(self) -> Iterator[str]:
        with self._connected() as session:
            yield from catalog.list_databases(session)

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        with self._connected() as session:
            yield from catalog.list_tables(session, database)

    def describe(self, table: TableName) -> pa.Schema:
        with self._connected() as session:
            return schema_of(self._probe(session, catalog.find_table(session, table)))

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        """See the contract. A piece is a Hive partition of any size; a table without partitions is one piece."""
        with self._connected() as session:
            pieces = 0
            for token in catalog.list_partitions(session, catalog.find_table(session, table)):
                yield Partition(number=pieces, token=token)
                pieces += 1
            if not pieces:
                yield WHOLE_TABLE

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._connected() as session:
            source = catalog.find_table(session, table)
            columns = self._probe(session, source)
            source.expect(schema_of(columns), schema)
            where = where_in_partition(columns, partition.token) if partition.token else ""
            rows = 0
            for batch in self._read(session, source, columns, where):
                rows += batch.num_rows
                yield batch
            if partition.token and not rows:
                catalog.expect_partition(session, source, partition.token)

    def validate_query(self, query: str) -> pa.Schema:
        with self._connected() as session:
            return schema_of(self._probe(session, self._query(session, query)))

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        """See the contract. The time limit includes reading the rows, unless they were pushed down."""
        limit = self._options.query_rows
        with self._connected() as session:
            source = self._query(session, query)
            session.limit(self._options.query_seconds)
            rows = 0
            for batch in self._read(session, source, self._probe(session, source)):
                rows += batch.num_rows
                if limit and rows > limit:
                    raise QueryLimit(
                        f"The query gives more than {limit} rows: select fewer, or raise the option 'query_rows'."
                    )
                yield batch

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        _refuse()

    def part_partition(self, number: int) -> Partition:
        _refuse()

    def begin_write(
        self, table: TableName, schema: pa.Schema, *, write_id: str | None = None, keep_parts: bool = False
    ) -> str:
        _refuse()

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        _refuse()

    def complete_write(
        self, table: TableName, write_id: str, *, parts: Iterable[int] | None = None, replace: bool = False
    ) -> None:
        _refuse()

    def abort_write(self, table: TableName, write_id: str) -> None:
        _refuse()

    def drop_table(self, table: TableName) -> None:
        _refuse()

    def _connected(self) -> AbstractContextManager[Session]:
        return connected(self._options, self._check)

    def _query(self, session: Session, query: str) -> Source:
        """The query, if it is one that only reads in the server's dialect. Raises: QueryInvalid."""
        return query_source(query, session.engine.queries, self._functions)

    def _probe(self, session: Session, source: Source) -> list[Column]:
        return probe(session, source, nested=self._staging is not None)

    def _read(
        self, session: Session, source: Source, columns: list[Column], where: str = ""
    ) -> Iterator[pa.RecordBatch]:
        """The rows; at least one batch, so that the schema is always known."""
        if self._staging is None:
            batches = stream(session, source, columns, where)
        else:
            batches = read_pushed_down(session, self._staging, source, columns, where)
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema_of(columns))


def _refuse() -> NoReturn:
    raise NotSupported("Hive tables are read-only here: write or drop them in the warehouse.")
