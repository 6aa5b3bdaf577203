"""Reading: tables and checked queries, selected by prepared statements in one snapshot, as record batches.

Prepared, because the answer to an executed statement has the binary form that `wire` and `values` read.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Any

import pyarrow as pa
from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.catalog import quote_name
from storage_adapters.mysql.columns import ServerField, read_columns
from storage_adapters.mysql.connection import Connection, execute, result_of
from storage_adapters.mysql.faults import FILE_REFUSED
from storage_adapters.mysql.query_rules import MYSQL
from storage_adapters.mysql.values import decode_rows
from storage_adapters.mysql.wire import read_blocks
from storage_adapters.table_storage.query_guard import one_select
from storage_adapters.table_storage.source import Source

SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
"""InnoDB then shows the table as it is now, however long reading takes; other engines show the current rows."""

_PREPARED = Struct("<xIHH")
"""A zero, the statement's number, and how many columns and parameters it has."""

_EXECUTE = Struct("<IBI")
"""The statement's number, the kind of cursor, and the number of executions, which is always 1."""
_NO_CURSOR = 0


def query_source(query: str, functions: frozenset[str] = frozenset()) -> Source:
    """The query as a table to select from; these functions are allowed in it, too. Raises: QueryInvalid."""
    return Source(title="the query", sql=f"({one_select(query, MYSQL, functions)}\n) AS `query`")


def probe_query(connection: Connection, source: Source) -> pa.Schema:
    """The columns of the query, which is prepared and not run: even a run for no rows can take as long as the query.

    Raises: ColumnUnsupported.
    """
    return read_columns(source.title, prepare_select(connection, f"SELECT * FROM {source.sql}"))


def probe(connection: Connection, source: Source) -> pa.Schema:
    """The columns of the table; they and its name cannot change until the transaction ends. Raises: ColumnUnsupported."""
    connection.query(f"SELECT * FROM {source.sql} LIMIT 0")
    return read_columns(source.title, result_of(connection).fields)


def begin_snapshot(connection: Connection) -> None:
    """Begin the read-only transaction in which the source is probed and read."""
    execute(connection, SNAPSHOT)


def stream(
    connection: Connection, source: Source, schema: pa.Schema, rest: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source, with `rest` after FROM; at least one batch. Memory holds one block of rows.

    Raises:
        ValueUnsupported: a column's type cannot hold a value.
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


def execute_select(connection: Connection, statement: str, *, columns: int) -> list[ServerField]:
    """Execute a SELECT of so many columns, as a prepared statement, and return them as the server describes them.

    Its rows are then there for `read_blocks`, before anything else is sent.

    Numbers and dates then cost the server nothing to write and us nothing to parse. The server keeps the prepared
    statement as long as the connection.

    Source: https://mariadb.com/kb/en/com_stmt_prepare/, https://mariadb.com/kb/en/com_stmt_execute/

    Raises:
        pymysql.Error: the server refuses the statement.
        ServerUntrusted: its answer is not rows.
    """
    number, prepared = _prepare(connection, statement)
    if len(prepared) != columns:
        raise ServerUntrusted("Protocol error: the server prepared another statement than the SELECT.")
    talk: Any = connection
    talk._execute_command(COMMAND.COM_STMT_EXECUTE, _EXECUTE.pack(number, _NO_CURSOR, 1))
    talk._read_query_result(unbuffered=True)
    result = result_of(connection)
    if not result.unbuffered_active or len(result.fields) != columns:
        raise ServerUntrusted("Protocol error: the answer to a SELECT has not its columns.")
    fields: list[ServerField] = result.fields
    return fields


def prepare_select(connection: Connection, statement: str) -> list[ServerField]:
    """The columns of a SELECT as the server describes them, without running it. Raises as `execute_select`."""
    return _prepare(connection, statement)[1]


def _prepare(connection: Connection, statement: str) -> tuple[int, list[ServerField]]:
    """The number and the columns of a statement without parameters."""
    talk: Any = connection
    talk._execute_command(COMMAND.COM_STMT_PREPARE, statement)
    answer = talk._read_packet()
    if answer.is_load_local_packet():
        raise ServerUntrusted(FILE_REFUSED)
    described = answer.get_all_data()
    if not answer.is_ok_packet() or len(described) < _PREPARED.size:
        raise ServerUntrusted("Protocol error: the server did not prepare the SELECT.")
    number, columns, parameters = _PREPARED.unpack_from(described)
    if parameters or not columns:
        raise ServerUntrusted("Protocol error: the server prepared another statement than the SELECT.")
    fields = [talk._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    talk._read_packet()  # it ends them
    return number, fields
