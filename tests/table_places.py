"""Places for tests of table storages: a real server's storage with a database that is empty, and dropped afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import pymysql
import pytest

from storage_adapters.options import OptionValue
from storage_adapters.registry import open_tables
from storage_adapters.tables import TableName, TableStorage

DATABASE_VARIABLE = "DATACENTER_TEST_DATABASE_URL"


@dataclass(frozen=True, kw_only=True)
class TablePlace:
    """A server with an empty database of ours; `url` is what the storage and fsspec open."""

    kind: str
    url: str
    database: str

    def open(self, **options: OptionValue) -> TableStorage:
        """Another instance of the storage."""
        return open_tables(self.kind, self.url, options)

    def table(self, name: str) -> TableName:
        """A table of the database."""
        return TableName(database=self.database, table=name)

    def run(self, *statements: str) -> None:
        """Change the server behind the storage's back."""
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
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)


@contextmanager
def mysql_place() -> Iterator[TablePlace]:
    """A database of the MariaDB that `make test-real` starts."""
    address = os.environ.get(DATABASE_VARIABLE)
    if not address:
        pytest.skip(f"no server: {DATABASE_VARIABLE} is not set")
    parts = urlsplit(address)
    url = f"mysql://{parts.netloc}"
    name = f"tables_{uuid4().hex[:12]}"
    server = TablePlace(kind="mysql", url=url, database=parts.path.strip("/"))
    server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield TablePlace(kind="mysql", url=url, database=name)
    finally:
        server.run(f"DROP DATABASE {name}")
