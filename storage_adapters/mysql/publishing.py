"""Publishing: a staging table takes no more rows, loses those that do not count, and gets its name by one atomic rename."""

from collections.abc import Iterable

import pymysql
from pymysql.constants import ER

from storage_adapters.errors import TableExists, UploadMissing
from storage_adapters.mysql.catalog import has_table
from storage_adapters.mysql.connection import Connection, execute
from storage_adapters.mysql.names import STAGING_PREFIX, quote_table
from storage_adapters.mysql.pieces import HIDDEN_KEY, keep_pieces, key_of_pieces, remove_passing_key
from storage_adapters.mysql.staging import is_published, new_write_id, sealed_name, staging_name
from storage_adapters.tables import TableName

_MOVED_ON = (ER.NO_SUCH_TABLE, ER.CANT_DROP_FIELD_OR_KEY, ER.BAD_FIELD_ERROR)
"""What a step meets when somebody else took it at the same moment."""

_STEPS = 3
"""Sealing, removing the key, renaming: so often at most somebody else can be faster."""


def publish(
    connection: Connection, table: TableName, write_id: str, *, parts: Iterable[int] | None, replace: bool
) -> None:
    """Give the staging table its name, with the rows of these pieces only if any are told. Published already: nothing is done.

    Killed in between it goes on where it was when it is called again.

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
            if error.args[0] not in _MOVED_ON or not steps_left:
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
        remove_passing_key(connection, sealed)
    _rename(connection, sealed, table, replace=replace)


def _seal(connection: Connection, table: TableName, write_id: str, *, replace: bool) -> TableName:
    """Rename the staging table so that no writer finds it any more. Those who are writing to it are waited for.

    Without this an attempt that does not count could write between the deletion of its rows and the publishing.
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
    # Both names change at once: a reader finds the old table or the new one, never none.
    execute(connection, f"RENAME TABLE {quote_table(table)} TO {quote_table(old)}, {rename}")
    execute(connection, f"DROP TABLE IF EXISTS {quote_table(old)}")
