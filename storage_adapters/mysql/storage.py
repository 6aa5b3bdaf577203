"""The MySQL storage: the contract of tables, composed from the modules beside this one."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

import pyarrow as pa

from storage_adapters.errors import (
    ColumnUnsupported,
    PermissionDenied,
    QueryLimit,
    StorageError,
)
from storage_adapters.mysql import catalog, pieces, staging, writing
from storage_adapters.mysql.connection import Connection, connected, execute, fetch, server_version
from storage_adapters.mysql.faults import may_be_wrong_protocol
from storage_adapters.mysql.options import WIRE_PROTOCOL, MysqlOptions, options_from_url
from storage_adapters.mysql.partitions import KeyRange, cut_table, where_in_range
from storage_adapters.mysql.query_rules import MYSQL
from storage_adapters.mysql.reading import begin_snapshot, probe, probe_query, query_source, stream
from storage_adapters.mysql.staging import drop, publish
from storage_adapters.network.protocol_probe import wrong_protocol_at
from storage_adapters.network.waiting import Check, never_cancelled
from storage_adapters.object_storage.contract import Health
from storage_adapters.options import OptionValue
from storage_adapters.table_storage.contract import Partition, TableCapabilities, TableInfo, TableName
from storage_adapters.table_storage.filesystem import TableFileSystem
from storage_adapters.table_storage.query_scanner import own_functions


class MysqlStorage:
    """Tables of a MySQL or MariaDB server.

    One partition is read on one connection in one snapshot. Several partitions of a table, read by several
    workers, are as many snapshots: a row that changes its key meanwhile may be seen twice or not at all. To
    see the whole table at one moment, read `WHOLE_TABLE`.
    """

    capabilities = TableCapabilities(write=True, snapshot=True)

    def __init__(self, options: MysqlOptions, check: Check = never_cancelled) -> None:
        """Raises: ConfigurationInvalid."""
        self._options = options
        self._check = check
        self._functions = own_functions(options.functions, MYSQL)

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "MysqlStorage":
        """Open `mysql://user:password@host:3306`. Raises: ConfigurationInvalid."""
        return cls(options_from_url(url, options))

    @property
    def fs(self) -> TableFileSystem:
        return TableFileSystem(self)

    def watched(self, check: Check) -> "MysqlStorage":
        return MysqlStorage(self._options, check)

    def check(self) -> Health:
        place = f"{self._options.host}:{self._options.port}"
        try:
            with self._connected() as connection:
                names = catalog.list_databases(connection)
                cipher = fetch(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
                version = server_version(connection)
        except StorageError as error:
            at = self._options
            wrong_protocol = (
                wrong_protocol_at(at.host, at.port, WIRE_PROTOCOL, at.reach)
                if may_be_wrong_protocol(error)
                else ""
            )
            return Health(ok=False, detail=wrong_protocol or f"{place}: {error.detail}")
        tls = "with TLS" if cipher and cipher[0][1] else "without TLS"
        return Health(
            ok=True,
            detail=f"{place} ({version}) answers {self._options.user} {tls}; databases seen: {len(names)}.",
        )

    def list_databases(self) -> Iterator[str]:
        with self._connected() as connection:
            yield from catalog.list_databases(connection)

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        with self._connected() as connection:
            yield from catalog.list_tables(connection, database)

    def describe(self, table: TableName) -> pa.Schema:
        with self._connected() as connection:
            return probe(connection, catalog.find_table(connection, table))

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        with self._connected() as connection:
            source = catalog.find_table(connection, table)
            begin_snapshot(connection)
            key = catalog.primary_key(connection, table)
            yield from cut_table(connection, source, key, rows=rows)

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._connected() as connection:
            source = catalog.find_table(connection, table)
            begin_snapshot(connection)
            found = probe(connection, source)
            source.expect(found, schema)
            # From the probe on the table cannot be renamed, so this is the key of the table that is read.
            rest = _where(connection, table, partition.token) if partition.token else ""
            yield from stream(connection, source, found, rest)

    def validate_query(self, query: str) -> pa.Schema:
        source = query_source(query, self._functions)
        with self._connected() as connection:
            _limit_time(connection, self._options.query_seconds)
            return probe_query(connection, source)

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        """See the contract. The server applies the time limit; in MariaDB it includes reading the rows."""
        source = query_source(query, self._functions)
        limit = self._options.query_rows
        with self._connected() as connection:
            _limit_time(connection, self._options.query_seconds)
            begin_snapshot(connection)
            schema = probe_query(connection, source)
            rows = 0
            for batch in stream(connection, source, schema, f"LIMIT {limit + 1}" if limit else ""):
                rows += batch.num_rows
                if limit and rows > limit:
                    raise QueryLimit(
                        f"The query gives more than {limit} rows: select fewer, or raise the option 'query_rows'."
                    )
                yield batch

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        self._must_write()
        write_id = staging.new_write_id()
        with self._connected(writing=True) as connection:
            staging.create_staging(connection, table, schema, write_id)
        try:
            with self._connected(writing=True) as connection:
                name = staging.staging_name(table, write_id)
                writing.insert_rows(connection, table, name, _checked(table, schema, batches))
                publish(connection, table, write_id, parts=None, replace=replace)
        except BaseException:
            self.abort_write(table, write_id)
            raise

    def part_partition(self, number: int) -> Partition:
        return pieces.piece_partition(number)

    def begin_write(
        self, table: TableName, schema: pa.Schema, *, write_id: str | None = None, keep_parts: bool = False
    ) -> str:
        self._must_write()
        write_id = staging.new_write_id() if write_id is None else write_id
        key = pieces.hidden_key() if keep_parts else pieces.temporary_key()
        with self._connected(writing=True) as connection:
            staging.create_staging(connection, table, schema, write_id, key)
        return write_id

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        self._must_write()
        with self._connected(writing=True) as connection:
            return writing.replace_part(connection, table, write_id, number, batches)

    def complete_write(
        self, table: TableName, write_id: str, *, parts: Iterable[int] | None = None, replace: bool = False
    ) -> None:
        self._must_write()
        with self._connected(writing=True) as connection:
            publish(connection, table, write_id, parts=parts, replace=replace)

    def abort_write(self, table: TableName, write_id: str) -> None:
        self._must_write()
        with self._connected(writing=True) as connection:
            staging.drop_staging(connection, table, write_id)

    def drop_table(self, table: TableName) -> None:
        self._must_write()
        with self._connected(writing=True) as connection:
            drop(connection, table)

    def _connected(self, *, writing: bool = False) -> AbstractContextManager[Connection]:
        return connected(self._options, writing=writing, check=self._check)

    def _must_write(self) -> None:
        if self._options.read_only:
            raise PermissionDenied("This storage is read-only: its option 'read_only' is set.")


def _where(connection: Connection, table: TableName, token: str) -> str:
    """The WHERE clause of a partition. Raises: TableChanged: the table is not, or no longer, cut in this way."""
    key = catalog.primary_key(connection, table)
    return pieces.where_in_piece(key, token) or where_in_range(key, KeyRange.from_token(token))


def _limit_time(connection: Connection, seconds: int) -> None:
    """Let the server stop a statement that runs longer; 0 is no limit."""
    if "mariadb" in server_version(connection).lower():
        execute(connection, f"SET SESSION max_statement_time = {seconds}")
    else:
        execute(connection, f"SET SESSION max_execution_time = {seconds * 1000}")


def _checked(
    table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The batches, if they have the schema. Raises: ColumnUnsupported."""
    for batch in batches:
        if not batch.schema.equals(schema):
            raise ColumnUnsupported(
                f"A batch for {table} has other columns than the table: write it with the table's schema."
            )
        yield batch
