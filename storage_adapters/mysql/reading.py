"""Reading: the rows of a table or a query as record batches, as the server sends them."""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
from pymysql.cursors import SSCursor

from storage_adapters.mysql.columns import Column, read_columns, schema_of
from storage_adapters.mysql.connection import Connection, execute, result_of
from storage_adapters.mysql.wire import cut_columns, read_blocks
from storage_adapters.table_source import Source
from storage_adapters.text_columns import decode

SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
"""InnoDB then shows the table as it is now, however long the reading takes; other engines show what they have."""


def probe(connection: Connection, source: Source) -> list[Column]:
    """The columns of the source, which is prepared and not run. Raises: ColumnUnsupported."""
    connection.query(f"SELECT * FROM {source.sql} LIMIT 0")
    return read_columns(source.title, result_of(connection).fields)


def begin_snapshot(connection: Connection) -> None:
    """Begin the read-only transaction in which the source is probed and read."""
    execute(connection, SNAPSHOT)


def stream(
    connection: Connection, source: Source, columns: list[Column], rest: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source, with `rest` behind FROM; at least one batch. Memory holds one block of rows.

    Raises:
        ValueUnsupported: a value has no form in its column's type.
    """
    schema = schema_of(columns)
    expressions = ", ".join(column.expression for column in columns)
    cursor = SSCursor(connection)
    cursor.execute(f"SELECT {expressions} FROM {source.sql} {rest}")
    empty = True
    with closing(read_blocks(cursor)) as blocks:
        for block in blocks:
            if not block.rows:
                continue
            empty = False
            texts = cut_columns(block, len(columns))
            arrays = [decode(source.title, field, text) for field, text in zip(schema, texts, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    if empty:
        yield pa.RecordBatch.from_pylist([], schema=schema)
