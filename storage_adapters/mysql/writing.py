"""Writing: a table is filled under a staging name and gets its own by one atomic rename."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex

import pyarrow as pa
import pymysql

from storage_adapters.errors import (
    ColumnUnsupported,
    TableExists,
    TableMissing,
    UploadMissing,
    ValueUnsupported,
)
from storage_adapters.mysql.catalog import has_table, list_databases
from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.mysql.definitions import define_columns
from storage_adapters.mysql.literals import row_literals
from storage_adapters.mysql.names import STAGING_PREFIX, quote_name, quote_table
from storage_adapters.tables import TableName

PART_COLUMN = "datacenter_part"
"""The column of a staging table that says which piece a row came with; it goes before the table is published."""

STATEMENT_BYTES = 1024 * 1024

ABANDONED_AFTER = timedelta(days=7)
"""A staging table that has not been changed for so long belongs to a writer that was killed."""

_ID = re.compile(r"[0-9a-f]{16}")


def create_staging(connection: Connection, table: TableName, schema: pa.Schema, *, parts: bool) -> str:
    """Make the staging table, with the part column if several pieces come, and return the id of the write.

    Staging tables of the same database that were abandoned go first.

    Raises:
        TableMissing (no such database), ColumnUnsupported, NameInvalid.
    """
    quote_table(table)  # before anything is written under another name
    if table.database not in list_databases(connection):
        raise TableMissing(f"There is no database {table.database!r}, or none that this user may see.")
    if PART_COLUMN in schema.names or table.table.startswith(STAGING_PREFIX):
        raise ColumnUnsupported(f"{PART_COLUMN} and {STAGING_PREFIX}… are names of this program's own.")
    definitions = define_columns(str(table), schema)
    if parts:
        name = quote_name(PART_COLUMN)
        definitions += [f"{name} INT UNSIGNED NOT NULL", f"KEY {name} ({name})"]
    _remove_abandoned(connection, table.database)
    write_id = token_hex(8)
    execute(
        connection,
        f"CREATE TABLE {quote_table(staging_name(table, write_id))} ({', '.join(definitions)})"
        f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='{_comment(write_id)}'",
    )
    return write_id


def staging_name(table: TableName, write_id: str) -> TableName:
    """Where the write gathers its rows. Raises: UploadMissing: that is no id of a write."""
    if not _ID.fullmatch(write_id):
        raise UploadMissing(f"There is no write {write_id!r}.")
    return TableName(database=table.database, table=f"{STAGING_PREFIX}{write_id}")


def insert_rows(
    connection: Connection,
    table: TableName,
    staging: TableName,
    batches: Iterable[pa.RecordBatch],
    part: int | None = None,
) -> int:
    """Insert the rows and return their number; statements of about `STATEMENT_BYTES`, one at least for a row.

    Raises:
        ValueUnsupported: a value does not fit, or a row is larger than the server takes.
    """
    rows = 0
    limit_bytes = int(fetch(connection, "SELECT @@max_allowed_packet")[0][0])
    for batch in batches:
        names = [quote_name(name) for name in batch.schema.names]
        if part is not None:
            # As a column of the batch it needs no code of its own below.
            column = pa.repeat(pa.scalar(part, pa.uint32()), batch.num_rows)
            batch = batch.append_column(PART_COLUMN, column)
            names.append(quote_name(PART_COLUMN))
        head = f"INSERT INTO {quote_table(staging)} ({', '.join(names)}) VALUES ".encode()
        for literals in row_literals(str(table), batch):
            for body in _statements(literals, min(STATEMENT_BYTES, limit_bytes // 2)):
                if len(head) + len(body) >= limit_bytes:
                    # Sent all the same, the server would only hang up.
                    raise ValueUnsupported(
                        f"A row for {table} is larger than max_allowed_packet, {limit_bytes}."
                    )
                connection.query(head + body)
        rows += batch.num_rows
    return rows


def replace_part(
    connection: Connection,
    table: TableName,
    staging: TableName,
    number: int,
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Write one piece in a transaction, in the place of what an earlier try wrote. Returns its rows."""
    part = quote_name(PART_COLUMN)
    connection.begin()
    execute(connection, f"DELETE FROM {quote_table(staging)} WHERE {part} = {int(number)}")
    rows = insert_rows(connection, table, staging, batches, int(number))
    connection.commit()
    return rows


def publish(connection: Connection, table: TableName, write_id: str, *, replace: bool) -> None:
    """Give the staging table its name. Published already: nothing is done.

    Raises:
        TableExists: and not `replace`. UploadMissing.
    """
    staging = staging_name(table, write_id)
    if not has_table(connection, staging):
        if _published_by(connection, table) == _comment(write_id):
            return
        raise UploadMissing(f"There is no write {write_id!r} of {table}.", key=str(table))
    exists = has_table(connection, table)
    if exists and not replace:
        raise TableExists(f"The table {table} exists already.", key=str(table))
    _remove_part_column(connection, staging)
    rename = f"{quote_table(staging)} TO {quote_table(table)}"
    if not exists:
        execute(connection, f"RENAME TABLE {rename}")
        return
    old = TableName(database=table.database, table=f"{STAGING_PREFIX}{token_hex(8)}")
    # Both names change at once: a reader finds the old table or the new one, never none.
    execute(connection, f"RENAME TABLE {quote_table(table)} TO {quote_table(old)}, {rename}")
    execute(connection, f"DROP TABLE IF EXISTS {quote_table(old)}")


def drop(connection: Connection, table: TableName) -> None:
    """Drop the table, or the view; missing counts as dropped."""
    kind = fetch(
        connection,
        "SELECT TABLE_TYPE, TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (table.database, table.table),
    )
    for table_type, name in kind:
        if name == table.table:
            word = "VIEW" if table_type == "VIEW" else "TABLE"
            execute(connection, f"DROP {word} IF EXISTS {quote_table(table)}")


def _remove_abandoned(connection: Connection, database: str) -> None:
    """Drop what killed writers left; failing is no reason not to write."""
    found = fetch(
        connection,
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
        " AND LEFT(TABLE_NAME, CHAR_LENGTH(%s)) = %s"
        f" AND COALESCE(UPDATE_TIME, CREATE_TIME) < NOW() - INTERVAL {ABANDONED_AFTER // timedelta(seconds=1)} SECOND",
        (database, STAGING_PREFIX, STAGING_PREFIX),
    )
    for (name,) in found:
        with suppress(pymysql.Error):
            table = quote_table(TableName(database=database, table=str(name)))
            execute(connection, f"DROP TABLE IF EXISTS {table}")


def _remove_part_column(connection: Connection, staging: TableName) -> None:
    found = fetch(
        connection,
        "SELECT COUNT(*) FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s",
        (staging.database, staging.table, PART_COLUMN),
    )
    if found[0][0]:
        name = quote_name(PART_COLUMN)
        execute(connection, f"ALTER TABLE {quote_table(staging)} DROP KEY {name}, DROP COLUMN {name}")


def _published_by(connection: Connection, table: TableName) -> str:
    """The comment of the table; empty if there is none."""
    found = fetch(
        connection,
        "SELECT TABLE_COMMENT, TABLE_NAME FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (table.database, table.table),
    )
    return next((str(comment) for comment, name in found if name == table.table), "")


def _comment(write_id: str) -> str:
    return f"datacenter write {write_id}"


def _statements(literals: list[bytes], most_bytes: int) -> Iterator[bytes]:
    """Rows joined to bodies of at most so many bytes, or one row."""
    gathered: list[bytes] = []
    size_bytes = 0
    for literal in literals:
        if gathered and size_bytes + len(literal) > most_bytes:
            yield b",".join(gathered)
            gathered, size_bytes = [], 0
        gathered.append(literal)
        size_bytes += len(literal) + 1
    if gathered:
        yield b",".join(gathered)
