"""The catalogue: names quoted for SQL, and which databases and tables there are, looked up before a name is used."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage_adapters.errors import NameInvalid, TableMissing
from storage_adapters.mysql.connection import Connection, fetch
from storage_adapters.table_storage.contract import TableInfo, TableName
from storage_adapters.table_storage.source import Source

STAGING_PREFIX = "datacenter_staging_"
"""The prefix of tables that are not published yet; they are never listed."""

SYSTEM_DATABASES = frozenset({"information_schema", "mysql", "performance_schema", "sys"})

_MAX_CHARACTERS = 64


def quote_name(name: str) -> str:
    """The name in backticks, whatever it contains.

    Raises:
        NameInvalid: the server cannot have it.
    Source: MySQL and MariaDB take 1 to 64 characters of U+0001 to U+FFFF, the last one not a space.
    """
    if not 1 <= len(name) <= _MAX_CHARACTERS:
        raise NameInvalid(f"A name must have 1 to {_MAX_CHARACTERS} characters: {name[:80]!r}")
    if name.endswith(" ") or any(not 0 < ord(character) <= 0xFFFF for character in name):
        raise NameInvalid(f"A name must not contain NUL or an emoji, nor end in a space: {name!r}")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        raise NameInvalid(f"A name must be valid Unicode: {name!r}")
    return f"`{name.replace('`', '``')}`"


def quote_table(table: TableName) -> str:
    """Database and table, quoted. Raises: NameInvalid."""
    return f"{quote_name(table.database)}.{quote_name(table.table)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyColumn:
    """A column of the primary key: its name and the name of its type, as in information_schema."""

    name: str
    data_type: str


def list_databases(connection: Connection) -> list[str]:
    """The databases this user may see, sorted, without the server's own."""
    found = fetch(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    return sorted(str(name) for (name,) in found if str(name).lower() not in SYSTEM_DATABASES)


def list_tables(connection: Connection, database: str) -> Iterator[TableInfo]:
    """The tables and views of a database, sorted, without staging tables. Raises: TableMissing."""
    if database not in list_databases(connection):
        raise TableMissing(f"There is no database {database!r}, or this user may not see it.", key=database)
    found = fetch(
        connection,
        "SELECT TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
        (database,),
    )
    for table, rows in sorted(found):
        if not str(table).startswith(STAGING_PREFIX):
            estimate = None if rows is None else int(rows)
            yield TableInfo(name=TableName(database=database, table=str(table)), estimated_rows=estimate)


def has_table(connection: Connection, table: TableName) -> bool:
    """Whether the catalogue has exactly these names, also in case, which the server may ignore."""
    found = fetch(
        connection,
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (table.database, table.table),
    )
    return (table.database, table.table) in found


def comment_of(connection: Connection, table: TableName) -> str:
    """The comment of the table; empty if there is none."""
    found = fetch(
        connection,
        "SELECT TABLE_COMMENT, TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (table.database, table.table),
    )
    return next((str(comment) for comment, name in found if name == table.table), "")


def find_table(connection: Connection, table: TableName) -> Source:
    """The table as something to select from. Raises: TableMissing."""
    if table.database.lower() in SYSTEM_DATABASES or not has_table(connection, table):
        raise TableMissing(f"There is no table {table}, or this user may not see it.", key=str(table))
    return Source(title=str(table), sql=quote_table(table))


def primary_key(connection: Connection, table: TableName) -> list[KeyColumn]:
    """The columns of the primary key in their order; empty if there is none."""
    found = fetch(
        connection,
        "SELECT k.COLUMN_NAME, c.DATA_TYPE FROM information_schema.STATISTICS k"
        " JOIN information_schema.COLUMNS c USING (TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME)"
        " WHERE k.TABLE_SCHEMA = %s AND k.TABLE_NAME = %s AND k.INDEX_NAME = 'PRIMARY'"
        " ORDER BY k.SEQ_IN_INDEX",
        (table.database, table.table),
    )
    return [KeyColumn(name=str(name), data_type=str(data_type).lower()) for name, data_type in found]
