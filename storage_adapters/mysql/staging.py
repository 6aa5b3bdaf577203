"""Staging: the tables that gather the rows of a write, from their creation to publishing or dropping them."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex

import pyarrow as pa
import pymysql
from pymysql.constants import ER

from storage_adapters.errors import (
    ColumnUnsupported,
    NameInvalid,
    NotSupported,
    TableExists,
    TableMissing,
    UploadMissing,
)
from storage_adapters.mysql.catalog import STAGING_PREFIX, comment_of, has_table, list_databases, quote_table
from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.mysql.definitions import define_columns
from storage_adapters.mysql.pieces import (
    HIDDEN_KEY,
    KEY_COLUMNS,
    keep_pieces,
    key_of_pieces,
    remove_temporary_key,
)
from storage_adapters.table_storage.contract import TableName

ABANDONED_AFTER = timedelta(days=7)
"""A staging table that was not changed for this time belongs to a writer that was killed."""

_ID = re.compile(r"[0-9a-f]{16}")

_LOST_RACES = (ER.NO_SUCH_TABLE, ER.CANT_DROP_FIELD_OR_KEY, ER.BAD_FIELD_ERROR)
"""The errors of a step that another worker took at the same time."""

_STEPS = 3
"""Sealing, removing the key, renaming: another worker can be faster at each of them."""


def new_write_id() -> str:
    """An id that no other write has."""
    return token_hex(8)


def create_staging(
    connection: Connection, table: TableName, schema: pa.Schema, write_id: str, key: Sequence[str] = ()
) -> None:
    """Make the staging table, with a key's definitions after the columns, unless the write was begun already.

    Abandoned staging tables of the same database are dropped first.

    Raises:
        TableMissing (no such database), ColumnUnsupported, NameInvalid, NotSupported.
    """
    quote_table(table)  # so that an invalid name fails before anything is written
    if not _ID.fullmatch(write_id):
        raise NameInvalid(f"The id of a write must be 16 hexadecimal digits: {write_id[:80]!r}")
    if table.database not in list_databases(connection):
        raise TableMissing(f"There is no database {table.database!r}, or this user may not see it.")
    if table.table.startswith(STAGING_PREFIX) or not {*map(str.lower, schema.names)}.isdisjoint(KEY_COLUMNS):
        own = ", ".join((*KEY_COLUMNS, f"{STAGING_PREFIX}…"))
        raise ColumnUnsupported(f"{own} are reserved names: {table} needs others.")
    definitions = [*define_columns(str(table), schema), *key]
    if is_begun(connection, table, write_id):
        return
    _remove_abandoned(connection, table.database)
    # If two workers begin one write at the same time, the second one finds the table.
    statement = (
        f"CREATE TABLE IF NOT EXISTS {quote_table(staging_name(table, write_id))} ({', '.join(definitions)})"
        f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='{_comment(write_id)}'"
    )
    try:
        execute(connection, statement)
    except pymysql.ProgrammingError as error:
        if error.args[0] != ER.PARSE_ERROR:
            raise
        raise NotSupported(
            "The server has no invisible columns: upgrade to MariaDB 10.3, MySQL 8.0.23 or later."
        ) from error


def publish(
    connection: Connection, table: TableName, write_id: str, *, parts: Iterable[int] | None, replace: bool
) -> None:
    """Give the staging table its name, with the rows of `parts` only if they are given; once published, do nothing.

    After a crash in between, another call goes on from there.

    Raises:
        TableExists: and not `replace`. UploadMissing.
    """
    counted = None if parts is None else set(parts)
    for steps_left in reversed(range(_STEPS + 1)):
        try:
            if not is_published(connection, table, write_id):
                _publish(connection, table, write_id, counted, replace=replace)
            return
        except pymysql.Error as error:
            if error.args[0] not in _LOST_RACES or not steps_left:
                raise
        except (TableExists, UploadMissing):
            if not is_published(connection, table, write_id):
                raise


def _publish(
    connection: Connection, table: TableName, write_id: str, counted: set[int] | None, *, replace: bool
) -> None:
    sealed = _seal(connection, table, write_id, replace=replace)
    key = key_of_pieces(connection, sealed)
    if key is not None and counted is not None:
        keep_pieces(connection, sealed, counted)
    if key is not None and key != HIDDEN_KEY:
        remove_temporary_key(connection, sealed)
    _rename(connection, sealed, table, replace=replace)


def _seal(connection: Connection, table: TableName, write_id: str, *, replace: bool) -> TableName:
    """Rename the staging table so that no writer finds it any more, once current writers are done.

    Otherwise a discarded attempt could write between the deletion of its rows and publishing.
    """
    staging, sealed = staging_name(table, write_id), sealed_name(table, write_id)
    is_open = has_table(connection, staging)
    is_sealed = has_table(connection, sealed)  # in this order: it may be sealed between the two
    if not is_open and not is_sealed:
        raise UploadMissing(f"There is no write {write_id!r} of {table}.", key=str(table))
    if not replace and has_table(connection, table):
        raise TableExists(f"The table {table} exists already.", key=str(table))
    if not is_sealed:
        execute(connection, f"RENAME TABLE {quote_table(staging)} TO {quote_table(sealed)}")
    return sealed


def _rename(connection: Connection, sealed: TableName, table: TableName, *, replace: bool) -> None:
    rename = f"{quote_table(sealed)} TO {quote_table(table)}"
    if not (replace and has_table(connection, table)):
        execute(connection, f"RENAME TABLE {rename}")
        return
    old = TableName(database=table.database, table=f"{STAGING_PREFIX}{new_write_id()}")
    # Both names change at once: a reader always finds the old table or the new one.
    execute(connection, f"RENAME TABLE {quote_table(table)} TO {quote_table(old)}, {rename}")
    execute(connection, f"DROP TABLE IF EXISTS {quote_table(old)}")


def drop_staging(connection: Connection, table: TableName, write_id: str) -> None:
    """Drop the tables of the write; missing ones count as dropped."""
    for name in (staging_name(table, write_id), sealed_name(table, write_id)):
        drop(connection, name)


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


def staging_name(table: TableName, write_id: str) -> TableName:
    """The table that collects the rows of the write. Raises: UploadMissing: this cannot be the id of a write."""
    if not _ID.fullmatch(write_id):
        raise UploadMissing(f"There is no write {write_id[:80]!r}.", key=str(table))
    return TableName(database=table.database, table=f"{STAGING_PREFIX}{write_id}")


def sealed_name(table: TableName, write_id: str) -> TableName:
    """The name of that table once it takes no more rows. Raises: UploadMissing: this cannot be the id of a write."""
    staging = staging_name(table, write_id)
    return TableName(database=table.database, table=f"{staging.table}_sealed")


def is_begun(connection: Connection, table: TableName, write_id: str) -> bool:
    """Whether the write takes rows, is sealed, or is published."""
    names = (staging_name(table, write_id), sealed_name(table, write_id))
    return any(has_table(connection, name) for name in names) or is_published(connection, table, write_id)


def is_published(connection: Connection, table: TableName, write_id: str) -> bool:
    """Whether the table was made by this write."""
    return comment_of(connection, table) == _comment(write_id)


def _remove_abandoned(connection: Connection, database: str) -> None:
    """Drop what killed writers left; a failure is ignored."""
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


def _comment(write_id: str) -> str:
    return f"datacenter write {write_id}"
