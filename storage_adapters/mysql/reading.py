"""Reading: the rows of a table or a query as record batches, as the server sends them."""

from collections.abc import Iterator

import pyarrow as pa

from storage_adapters.mysql.columns import read_columns
from storage_adapters.mysql.connection import Connection, execute, result_of
from storage_adapters.mysql.names import quote_name
from storage_adapters.mysql.statements import execute_select, prepare_select
from storage_adapters.mysql.values import decode_rows
from storage_adapters.mysql.wire import read_blocks
from storage_adapters.table_source import Source

SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
"""InnoDB then shows the table as it is now, however long the reading takes; other engines show what they have."""


def probe_query(connection: Connection, source: Source) -> pa.Schema:
    """The columns of the query, which is prepared and not run: without a row to give it can take as long as with them.

    Raises: ColumnUnsupported.
    """
    return read_columns(source.title, prepare_select(connection, f"SELECT * FROM {source.sql}"))


def probe(connection: Connection, source: Source) -> pa.Schema:
    """The columns of the table; until the transaction ends it keeps them, and its name. Raises: ColumnUnsupported."""
    connection.query(f"SELECT * FROM {source.sql} LIMIT 0")
    return read_columns(source.title, result_of(connection).fields)


def begin_snapshot(connection: Connection) -> None:
    """Begin the read-only transaction in which the source is probed and read."""
    execute(connection, SNAPSHOT)


def stream(
    connection: Connection, source: Source, schema: pa.Schema, rest: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source, with `rest` behind FROM; at least one batch. Memory holds one block of rows.

    Raises:
        ValueUnsupported: a value has no form in its column's type.
    """
    names = ", ".join(map(quote_name, schema.names))
    sent = execute_select(connection, f"SELECT {names} FROM {source.sql} {rest}", columns=len(schema))
    empty = True
    for block in read_blocks(connection):
        if not block.rows:
            continue
        empty = False
        yield pa.RecordBatch.from_arrays(decode_rows(source.title, schema, sent, block), schema=schema)
    if empty:
        yield pa.RecordBatch.from_pylist([], schema=schema)
