"""Dropping: a table or a view goes, if it is there."""

from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.mysql.names import quote_table
from storage_adapters.tables import TableName


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
