"""The catalogue: names quoted for HiveQL, and which databases, tables and partitions there are."""

import re
from collections.abc import Iterator

from storage_adapters.errors import NameInvalid, TableChanged, TableMissing
from storage_adapters.hive.session import Session
from storage_adapters.table_storage.contract import TableInfo, TableName
from storage_adapters.table_storage.source import Source

SYSTEM_DATABASES = frozenset({"information_schema", "sys", "global_temp"})
"""Hive's own two, and Spark's database for views of a session."""

_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
_PARTITIONS = "# Partition Information"


def quote_name(name: str) -> str:
    """The name in backticks.

    Raises:
        NameInvalid: it is empty, or the server could read `${…}` in it as a variable.
    """
    if not name or "${" in name or "\x00" in name:
        raise NameInvalid(f"A name must not be empty, nor contain NUL or ${{: {name[:80]!r}")
    return f"`{name.replace('`', '``')}`"


def quote_table(table: TableName) -> str:
    """Database and table, quoted. Raises: NameInvalid."""
    return f"{quote_name(table.database)}.{quote_name(table.table)}"


def text_literal(text: str) -> str:
    """The text as an expression; in hexadecimal digits, because servers differ in how they read backslashes."""
    return f"CAST(unhex('{text.encode().hex()}') AS STRING)"


def list_databases(session: Session) -> list[str]:
    """The databases this user may see, sorted, without the server's own."""
    return sorted(row[0] for row in session.schemas().texts() if row[0] not in SYSTEM_DATABASES)


def list_tables(session: Session, database: str) -> Iterator[TableInfo]:
    """The tables and views of a database, sorted. Raises: TableMissing."""
    if database not in list_databases(session):
        raise TableMissing(f"There is no database {database!r}, or this user may not see it.", key=database)
    for table in sorted(_names(session, database, "%")):
        yield TableInfo(name=TableName(database=database, table=table))


def find_table(session: Session, table: TableName) -> Source:
    """The table as something to select from, spelled exactly as the catalogue has it. Raises: TableMissing."""
    if table.database not in list_databases(session) or table.table not in _names(
        session, table.database, table.table
    ):
        raise TableMissing(f"There is no table {table}, or this user may not see it.", key=str(table))
    return Source(title=str(table), sql=quote_table(table))


def list_partitions(session: Session, source: Source) -> Iterator[str]:
    """The partitions of the table as the server writes them: `year=2024/label=a%2Fb`. None if it is not partitioned."""
    if _is_partitioned(session, source):
        for row in session.execute(f"SHOW PARTITIONS {source.sql}").texts():
            yield row[0]


def expect_partition(session: Session, source: Source, token: str) -> None:
    """Distinguish a partition without rows from one that is gone. Raises: TableChanged."""
    if token not in list_partitions(session, source):
        raise TableChanged(f"{source.title} no longer has the partition {token!r}: plan the read again.")


def _is_partitioned(session: Session, source: Source) -> bool:
    rows = session.execute(f"DESCRIBE {source.sql}").texts()
    # The type is empty there; a column has one.
    return any(row[0].strip() == _PARTITIONS and not row[1].strip() for row in rows)


def _names(session: Session, database: str, table: str) -> set[str]:
    """The tables of the database; only `table`, if its name has no special characters."""
    pattern = table if _PLAIN_NAME.fullmatch(table) else "%"
    return {row[2] for row in session.tables(database, pattern).texts() if row[1] == database}
