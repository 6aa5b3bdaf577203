"""Publishing: a staging table takes no more rows, loses those that do not count, and gets its name by one atomic rename."""

from collections.abc import Iterable

import pymysql

from storage_adapters.errors import TableExists, UploadMissing
from storage_adapters.mysql.catalog import has_table
from storage_adapters.mysql.connection import Connection, execute
from storage_adapters.mysql.names import STAGING_PREFIX, quote_table
from storage_adapters.mysql.pieces import keep_pieces, remove_passing_key
from storage_adapters.mysql.staging import is_published, new_write_id, sealed_name, staging_name
from storage_adapters.tables import TableName


def publish(
    connection: Connection, table: TableName, write_id: str, *, parts: Iterable[int] | None, replace: bool
) -> None:
    """Give the staging table its name, with the rows of these pieces only if any are told. Published already: nothing is done.

    Killed in between it goes on where it was when it is called again.

    Raises:
        TableExists: and not `replace`. UploadMissing.
    """
    if is_published(connection, table, write_id):
        return
    try:
        sealed = _seal(connection, table, write_id, replace=replace)
        if parts is not None:
            keep_pieces(connection, sealed, set(parts))
        remove_passing_key(connection, sealed)
        _rename(connection, sealed, table, replace=replace)
    except (pymysql.Error, TableExists, UploadMissing):
        # Somebody else who publishes it at the same moment may have been faster at any of these steps.
        if not (connection.open and is_published(connection, table, write_id)):
            raise


def _seal(connection: Connection, table: TableName, write_id: str, *, replace: bool) -> TableName:
    """Rename the staging table so that no writer finds it any more. Those who are writing to it are waited for.

    Without this an attempt that does not count could write between the deletion of its rows and the publishing.
    """
    staging, sealed = staging_name(table, write_id), sealed_name(table, write_id)
    is_sealed = has_table(connection, sealed)
    if not is_sealed and not has_table(connection, staging):
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
    # Both names change at once: a reader finds the old table or the new one, never none.
    execute(connection, f"RENAME TABLE {quote_table(table)} TO {quote_table(old)}, {rename}")
    execute(connection, f"DROP TABLE IF EXISTS {quote_table(old)}")
