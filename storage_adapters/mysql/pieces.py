"""Pieces: when several workers write one table, each row has a key of its piece's number and its place in the piece."""

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from storage_adapters.errors import TableChanged, ValueUnsupported
from storage_adapters.mysql.catalog import KeyColumn, quote_name, quote_table
from storage_adapters.mysql.connection import Connection, execute, fetch
from storage_adapters.table_storage.contract import MAX_PART, Partition, TableName

PART_COLUMN = "datacenter_part"
ROW_COLUMN = "datacenter_row"
KEY_COLUMNS = (PART_COLUMN, ROW_COLUMN)

HIDDEN_KEY = "PRIMARY"
_TEMPORARY_KEY = "datacenter_pieces"

DELETE_ROWS = 1000
"""How many rows one transaction deletes: a server logs each transaction as a whole."""

_PART, _ROW = map(quote_name, KEY_COLUMNS)
_TOKEN = re.compile(r"piece ([0-9]{1,19})")


def hidden_key() -> list[str]:
    """The definitions of a key that stays, and of its columns, which only queries that name them show.

    Source: https://mariadb.com/kb/en/invisible-columns/ (one that is NOT NULL needs a default),
    https://dev.mysql.com/doc/refman/8.4/en/invisible-columns.html
    """
    kind = "BIGINT NOT NULL DEFAULT 0 INVISIBLE"
    return [f"{_PART} {kind}", f"{_ROW} {kind}", f"PRIMARY KEY ({_PART}, {_ROW})"]


def temporary_key() -> list[str]:
    """The definitions of a key that is removed before the table is published."""
    # Nullable columns make no clustered key, which could be removed only by a copy of the table.
    return [f"{_PART} BIGINT NULL", f"{_ROW} BIGINT NULL", f"UNIQUE KEY {_TEMPORARY_KEY} ({_PART}, {_ROW})"]


def checked_number(number: int) -> int:
    """The number. Raises: ValueUnsupported: it is out of range."""
    if not 0 <= number <= MAX_PART:
        raise ValueUnsupported(f"The number of a piece must be from 0 to {MAX_PART}, not {number}.")
    return number


def with_key(batch: pa.RecordBatch, number: int, first_row: int) -> pa.RecordBatch:
    """The batch with the key of its rows, which follow `first_row` rows of the same piece."""
    # As columns of the batch they are written like all others.
    rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
    numbered = batch.append_column(PART_COLUMN, pa.array(np.full_like(rows, number)))
    return numbered.append_column(ROW_COLUMN, pa.array(rows))


def delete_piece(connection: Connection, staging: TableName, number: int) -> None:
    """Delete the rows of a piece, in the current transaction."""
    execute(connection, f"DELETE FROM {quote_table(staging)} WHERE {_PART} = {number}")


def keep_pieces(connection: Connection, staging: TableName, parts: set[int]) -> None:
    """Delete the rows of all other pieces, `DELETE_ROWS` in a transaction."""
    table = quote_table(staging)
    # The server reads these from the key, at the end of each piece, without the rows between.
    for number, last in fetch(connection, f"SELECT {_PART}, MAX({_ROW}) FROM {table} GROUP BY {_PART}"):
        if number in parts:
            continue
        for first in range(0, last + 1, DELETE_ROWS):
            rows = f"{_ROW} >= {first} AND {_ROW} < {first + DELETE_ROWS}"
            execute(connection, f"DELETE FROM {table} WHERE {_PART} = {number} AND {rows}")


def key_of_pieces(connection: Connection, staging: TableName) -> str | None:
    """The name of the key; None if there is none, or no longer."""
    found = fetch(
        connection,
        "SELECT INDEX_NAME FROM information_schema.STATISTICS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s",
        (staging.database, staging.table, PART_COLUMN),
    )
    return str(found[0][0]) if found else None


def remove_temporary_key(connection: Connection, staging: TableName) -> None:
    """Remove the temporary key, with its columns."""
    gone = f"DROP KEY {_TEMPORARY_KEY}, DROP COLUMN {_PART}, DROP COLUMN {_ROW}"
    execute(connection, f"ALTER TABLE {quote_table(staging)} {gone}")


def piece_partition(number: int) -> Partition:
    """The piece of that number. Raises: ValueUnsupported."""
    return Partition(number=checked_number(number), token=f"piece {number}")


def where_in_piece(key: Iterable[KeyColumn], token: str) -> str | None:
    """WHERE and ORDER BY for the rows of a piece; None if the token is not that of a piece.

    Raises: TableChanged: the table has no pieces, or no longer.
    """
    piece = _TOKEN.fullmatch(token)
    if piece is None:
        return None
    if tuple(column.name for column in key) != KEY_COLUMNS:
        raise TableChanged("The table does not keep its pieces: it was replaced; read it as a whole.")
    return f"WHERE {_PART} = {int(piece[1])} ORDER BY {_PART}, {_ROW}"
