"""Writing: record batches become SQL literals, inserted into a staging table by statements of many rows."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.constants import ER

from storage_adapters.errors import UploadMissing, ValueUnsupported
from storage_adapters.mysql.catalog import quote_name, quote_table
from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.mysql.definitions import stored_type
from storage_adapters.mysql.pieces import checked_number, delete_piece, with_key
from storage_adapters.mysql.staging import staging_name
from storage_adapters.table_storage.contract import TableName

_SLICE_ROWS = 4096

_JOIN: Any = pc.binary_join_element_wise  # the stubs do not allow arrays and scalars together
_FILL: Any = pc.fill_null

_ESCAPES = (("\\", "\\\\"), ("'", "''"), ("\x00", "\\0"))

STATEMENT_BYTES = 1024 * 1024


def insert_rows(
    connection: Connection,
    table: TableName,
    staging: TableName,
    batches: Iterable[pa.RecordBatch],
    part: int | None = None,
) -> int:
    """Insert the rows and return their number; statements have about `STATEMENT_BYTES`, and at least one row.

    Raises:
        ValueUnsupported: a value does not fit, or a row is larger than the server accepts.
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
                    # The server would only close the connection.
                    raise ValueUnsupported(
                        f"A row for {table} is larger than max_allowed_packet, {limit_bytes}: raise it on the server."
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
    """Write one piece in a transaction, in place of what an earlier try wrote. Returns its rows.

    Raises:
        UploadMissing: there is no such write, or it takes no more rows. ValueUnsupported.
    """
    staging, number = staging_name(table, write_id), checked_number(number)
    # Otherwise the deletion would lock the gaps between pieces, where other writers insert theirs.
    execute(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.begin()
    try:
        # From here on the table cannot be renamed until the transaction ends.
        delete_piece(connection, staging, number)
    except pymysql.ProgrammingError as error:
        if error.args[0] != ER.NO_SUCH_TABLE:
            raise
        raise UploadMissing(f"There is no write {write_id!r} of {table}.", key=str(table)) from error
    rows = insert_rows(connection, table, staging, batches, number)
    connection.commit()
    return rows


def _statements(literals: list[bytes], max_bytes: int) -> Iterator[bytes]:
    """Rows joined to bodies of at most `max_bytes`, or of one row."""
    gathered: list[bytes] = []
    size_bytes = 0
    for literal in literals:
        if gathered and size_bytes + len(literal) > max_bytes:
            yield b",".join(gathered)
            gathered, size_bytes = [], 0
        gathered.append(literal)
        size_bytes += len(literal) + 1
    if gathered:
        yield b",".join(gathered)


def row_literals(title: str, batch: pa.RecordBatch) -> Iterator[list[bytes]]:
    """The rows as `(value,value,…)`, in lists of a few thousand, for a session with our sql_mode.

    Raises:
        ValueUnsupported: NaN, an infinity, or a time finer than a microsecond.
    """
    for start in range(0, batch.num_rows, _SLICE_ROWS):
        piece = batch.slice(start, _SLICE_ROWS)
        texts = [
            _literal(title, field.name, column.cast(stored_type(field.type)))
            for field, column in zip(batch.schema, piece.columns, strict=True)
        ]
        joined = _JOIN(*texts, pa.scalar(b",", pa.large_binary()))
        yield [b"(%b)" % row for row in joined.to_pylist()]


def _literal(title: str, name: str, values: "pa.Array[Any]") -> "pa.Array[Any]":
    try:
        text = _text(values).cast(pa.large_binary())
    except pa.ArrowInvalid as error:
        raise ValueUnsupported(
            f"A value of column {name!r} of {title} cannot be represented in MySQL: {error}"
        ) from error
    filled: pa.Array[Any] = _FILL(text, pa.scalar(b"NULL", pa.large_binary()))
    return filled


def _text(values: "pa.Array[Any]") -> "pa.Array[Any]":
    kind = values.type
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8()).cast(pa.string())
    if pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _quoted(values.cast(pa.string()))  # 1E-30 without quotes would be a DOUBLE, and rounded
    if pa.types.is_floating(kind):
        if pc.any(pc.invert(pc.is_finite(values))).as_py():
            raise pa.ArrowInvalid("NaN or an infinity")
        if not pa.types.is_float64(kind):
            # The shortest text of a float32 may lie beyond it: 3.4028235e+38 is out of FLOAT's range.
            values = values.cast(pa.float32()).cast(pa.float64())
        return _quoted(values.cast(pa.string()))  # as text -0.0 keeps its sign
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for character, escaped in _ESCAPES:
            values = pc.replace_substring(values, character, escaped)
        return _quoted(values)
    if pa.types.is_timestamp(kind):
        micros = values.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
        return _quoted(micros.cast(pa.timestamp("us")).cast(pa.string()))
    if pa.types.is_time(kind):
        return _quoted(values.cast(pa.time64("us")).cast(pa.string()))
    if pa.types.is_date(kind):
        return _quoted(values.cast(pa.date32()).cast(pa.string()))
    return pa.array(
        [None if value is None else b"x'%b'" % value.hex().encode() for value in values.to_pylist()]
    )


def _quoted(values: "pa.Array[Any]") -> "pa.Array[Any]":
    text = values.cast(pa.large_string())
    quote = pa.scalar("'", pa.large_string())
    quoted: pa.Array[Any] = _JOIN(quote, text, quote, pa.scalar("", pa.large_string()))
    return quoted
