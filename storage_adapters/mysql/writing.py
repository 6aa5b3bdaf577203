"""Writing: rows of record batches into a staging table, by statements of many rows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pymysql
from pymysql.constants import ER

from storage_adapters.errors import UploadMissing, ValueUnsupported
from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.mysql.literals import row_literals
from storage_adapters.mysql.names import quote_name, quote_table
from storage_adapters.mysql.pieces import checked_number, delete_piece, with_key
from storage_adapters.mysql.staging import staging_name
from storage_adapters.tables import TableName

STATEMENT_BYTES = 1024 * 1024


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
        if part is not None:
            batch = with_key(batch, part, rows)
        names = ", ".join(map(quote_name, batch.schema.names))
        head = f"INSERT INTO {quote_table(staging)} ({names}) VALUES ".encode()
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
    write_id: str,
    number: int,
    batches: Iterable[pa.RecordBatch],
) -> int:
    """Write one piece in a transaction, in the place of what an earlier try wrote. Returns its rows.

    Raises:
        UploadMissing: the write takes no rows, or none any more. ValueUnsupported.
    """
    staging, number = staging_name(table, write_id), checked_number(number)
    # Else the deletion would lock the gaps between pieces, in which other writers insert theirs.
    execute(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.begin()
    try:
        # From here on the table keeps its name until the end of the transaction.
        delete_piece(connection, staging, number)
    except pymysql.ProgrammingError as error:
        if error.args[0] != ER.NO_SUCH_TABLE:
            raise
        raise UploadMissing(f"There is no write {write_id!r} of {table}.", key=str(table)) from error
    rows = insert_rows(connection, table, staging, batches, number)
    connection.commit()
    return rows


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
