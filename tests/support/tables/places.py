"""Places for tests of table storages: a real server's storage with an empty database, which is dropped afterwards."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
from impala.dbapi import connect
from pymysql.cursors import DictCursor
from support.tables.fake_tables import FakeTables, register_fake_tables

from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage, open_tables
from storage_adapters.table_storage.contract import WHOLE_TABLE, Partition, TableName, TableStorage

DATABASE_VARIABLE = "DATACENTER_TEST_DATABASE_URL"
HIVE_VARIABLE = "DATACENTER_TEST_HIVE_URL"
"""Holds three URLs: `hive://user@host:port hdfs://host:port webhdfs://host:port`."""

ROWS = pa.table({"id": pa.array(range(1000)), "name": [f"名{n}" if n % 7 else None for n in range(1000)]})


def read_table(storage: TableStorage, table: TableName, partition: Partition = WHOLE_TABLE) -> pa.Table:
    """All rows of a table, or of a piece of it."""
    return pa.Table.from_batches(storage.read_partition(table, partition))


def tables_of(storage: TableStorage, database: str) -> list[str]:
    """The tables that a listing shows."""
    return [info.name.table for info in storage.list_tables(database)]


@dataclass(frozen=True, kw_only=True)
class TablePlace:
    """A server with an empty database of its own; the storage and fsspec open `url` with the options."""

    kind: str
    url: str
    database: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    system_tables: Sequence[tuple[str, str]]
    """Databases and tables of the server's own."""
    slow_query: str
    """A query that gives no row for hours, and ends when it is cancelled."""

    def open(self, **options: OptionValue) -> TableStorage:
        """Another instance of the storage."""
        return open_tables(self.kind, self.url, {**self.options, **options})

    def table(self, name: str) -> TableName:
        """A table of the database."""
        return TableName(database=self.database, table=name)

    def run(self, *statements: str) -> object:
        """Change the server behind the storage's back, in the database."""
        raise NotImplementedError

    def fill(self, table: TableName, rows: pa.Table) -> None:
        """Make a table of the rows."""
        raise NotImplementedError

    def fill_in_pieces(self, table: TableName, rows: pa.Table) -> int:
        """Make a table of the rows that can be read in pieces. The rows of a piece that should be asked for."""
        raise NotImplementedError

    def add_column(self, table: TableName) -> None:
        """Add a column to a table."""
        self.run(f"ALTER TABLE `{table.table}` ADD COLUMN more INT")

    def running(self) -> str:
        """The statements that run on the server, as far as it lists them."""
        return ""

    def drop(self, table: TableName) -> None:
        """Drop a table, if it is there."""
        self.run(f"DROP TABLE IF EXISTS `{table.table.replace('`', '``')}`")


@dataclass(frozen=True, kw_only=True)
class MysqlPlace(TablePlace):
    """MariaDB; its tables are written by the storage itself."""

    kind: str = "mysql"
    system_tables: Sequence[tuple[str, str]] = (("mysql", "user"), ("information_schema", "TABLES"))
    slow_query: str = (
        "SELECT a.ID FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b,"
        " information_schema.COLLATIONS c, information_schema.COLLATIONS d WHERE a.ID * b.ID * c.ID + d.ID = -1"
    )

    def run(self, *statements: str) -> list[dict[str, Any]]:
        """See above. The rows that the last statement gives, by column."""
        parts = urlsplit(self.url)
        with (
            pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=parts.username,
                password=parts.password or "",
                database=self.database,
                charset="utf8mb4",
                autocommit=True,
                cursorclass=DictCursor,
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def running(self) -> str:
        return str(self.run("SELECT INFO FROM information_schema.PROCESSLIST"))

    def fill(self, table: TableName, rows: pa.Table) -> None:
        self.open().write_table(table, rows.schema, rows.to_batches(max_chunksize=300))

    def fill_in_pieces(self, table: TableName, rows: pa.Table) -> int:
        self.fill(table, rows)
        self.run(f"ALTER TABLE `{table.table}` ADD PRIMARY KEY (id)")
        return rows.num_rows // 4 + 1


@dataclass(frozen=True, kw_only=True)
class HivePlace(TablePlace):
    """Spark's Thrift server, through impyla's own cursor; its tables are made of Parquet files on its HDFS."""

    files: Storage
    """The directory of the HDFS that is ours."""
    directory: str
    kind: str = "hive"
    system_tables: Sequence[tuple[str, str]] = (("information_schema", "tables"), ("global_temp", "t"))
    # Spark's tasks check now and then whether they should end, in a range; in a join they do not.
    slow_query: str = "SELECT id FROM range(0, 1000000000000, 1, 2) WHERE id % 7 + id = -1"

    def run(self, *statements: str) -> None:
        parts = urlsplit(self.url)
        connection = connect(
            parts.hostname, parts.port, auth_mechanism="PLAIN", user=parts.username, password="none"
        )
        cursor = connection.cursor(user=parts.username)
        try:
            for statement in (f"USE {self.database}", *statements):
                cursor.execute(statement)
        finally:
            cursor.close()  # else it would connect again, when the garbage collector finds it
            connection.close()

    def fill(self, table: TableName, rows: pa.Table) -> None:
        self._make(table, rows, "")

    def fill_in_pieces(self, table: TableName, rows: pa.Table) -> int:
        pieces = pa.array(["一/1", "2=二", None, "4"] * (rows.num_rows // 4 + 1)).slice(0, rows.num_rows)
        self._make(table, rows.append_column("piece", pieces), "PARTITIONED BY (piece)")
        return 1

    def _make(self, table: TableName, rows: pa.Table, partitioned: str) -> None:
        name = f"{uuid4().hex}.parquet"
        content = pa.BufferOutputStream()
        pq.write_table(rows, content)
        for outcome in self.files.put_many([NewObject(key=name, data=content.getvalue())]):
            assert outcome.error is None, outcome.error
        self.run(
            f"CREATE TABLE `{table.table}` USING parquet {partitioned}"
            f" AS SELECT * FROM parquet.`{self.directory}/{name}`"
        )


@dataclass(frozen=True, kw_only=True)
class FakePlace(TablePlace):
    """The tables in memory, which job tests use; they fulfil the contract like every storage."""

    kind: str = "fake"
    system_tables: Sequence[tuple[str, str]] = ()
    slow_query: str = ""

    def fill(self, table: TableName, rows: pa.Table) -> None:
        self.open().write_table(table, rows.schema, rows.to_batches())

    def drop(self, table: TableName) -> None:
        self.open().drop_table(table)


@contextmanager
def fake_place() -> Iterator[FakePlace]:
    """A server in memory, without tables."""
    url = f"fake://{uuid4().hex}"
    with pytest.MonkeyPatch.context() as patch:
        register_fake_tables(patch)
        yield FakePlace(url=url, database="zoo")
        FakeTables.contents.pop(url, None)


@contextmanager
def mysql_place() -> Iterator[MysqlPlace]:
    """A database of the MariaDB that `make test-real` starts."""
    address = os.environ.get(DATABASE_VARIABLE)
    if not address:
        pytest.skip(f"no server: {DATABASE_VARIABLE} is not set")
    parts = urlsplit(address)
    url = f"mysql://{parts.netloc}"
    name = f"tables_{uuid4().hex[:12]}"
    server = MysqlPlace(url=url, database=parts.path.strip("/"))
    server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield MysqlPlace(url=url, database=name)
    finally:
        server.run(f"DROP DATABASE {name}")


@contextmanager
def hive_place(*, pushed: bool = False) -> Iterator[HivePlace]:
    """A database of the Spark Thrift server that `make test-real` starts; with a staging directory, if `pushed`."""
    address = os.environ.get(HIVE_VARIABLE)
    if not address:
        pytest.skip(f"no server: {HIVE_VARIABLE} is not set")
    url, _, web = address.split()
    name = f"tables_{uuid4().hex[:12]}"
    directory = f"/tmp/{name}"
    staging = {"staging": f"{web}{directory}/staging", "staging_user": "hdfs"} if pushed else {}
    files = open_storage("webhdfs", f"{web}{directory}", {"user": "hdfs"})
    place = HivePlace(url=url, database=name, options=staging, files=files, directory=directory)
    HivePlace(url=url, database="default", files=files, directory=directory).run(f"CREATE DATABASE {name}")
    try:
        yield place
    finally:
        place.run(f"DROP DATABASE {name} CASCADE")  # the files go with their server


def pushed_hive_place() -> AbstractContextManager[HivePlace]:
    """The same with a staging directory, so that the engine writes what is read."""
    return hive_place(pushed=True)


PLACES: Mapping[str, Callable[[], AbstractContextManager[TablePlace]]] = {
    "mysql": mysql_place,
    "hive": hive_place,
    "hive-pushed": pushed_hive_place,
}
