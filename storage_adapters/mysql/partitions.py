"""Partitions: a table cut along its primary key into ranges between two keys."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from storage_adapters.errors import TableChanged
from storage_adapters.mysql.catalog import KeyColumn, quote_name
from storage_adapters.mysql.connection import Connection, fetch
from storage_adapters.table_storage.contract import WHOLE_TABLE, Partition
from storage_adapters.table_storage.source import Source

_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(rb"[0-9: .-]+")

Key = tuple[bytes, ...]
"""The values of a primary key as the server writes them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRange:
    """Keys after `after`, up to and including `through`; None is open."""

    after: Key | None
    through: Key | None

    def to_token(self) -> str:
        """The range as text."""
        return json.dumps({"after": _to_hex(self.after), "through": _to_hex(self.through)})

    @classmethod
    def from_token(cls, token: str) -> "KeyRange":
        """The range that `to_token` wrote. Raises: TableChanged: it is another text."""
        try:
            found = json.loads(token)
            return cls(after=_from_hex(found["after"]), through=_from_hex(found["through"]))
        except (ValueError, KeyError, TypeError) as error:
            raise TableChanged(
                "The partition's token is not from this storage: plan the read again."
            ) from error


def cut_table(
    connection: Connection, source: Source, key: list[KeyColumn], *, rows: int
) -> Iterator[Partition]:
    """Pieces of `rows` rows, found by one walk along the key; the last one is open, for rows to come.

    A table without a primary key, or one of a type whose order cannot be expressed (ENUM, SET, BIT, FLOAT,
    TIME), is one piece.
    """
    if not key or any(column.data_type not in _LITERALS for column in key):
        yield WHOLE_TABLE
        return
    after: Key | None = None
    number = 0
    while (through := _key_at(connection, source, key, after, rows)) is not None:
        yield Partition(number=number, token=KeyRange(after=after, through=through).to_token())
        after, number = through, number + 1
    yield Partition(number=number, token=KeyRange(after=after, through=None).to_token())


def where_in_range(key: list[KeyColumn], keys: KeyRange) -> str:
    """WHERE and ORDER BY for the rows of the range. Raises: TableChanged: the key is not the one by which it was cut."""
    conditions = []
    if keys.after is not None:
        conditions.append(_beyond(key, keys.after, ">"))
    if keys.through is not None:
        conditions.append(f"NOT {_beyond(key, keys.through, '>')}")
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return f"{where}ORDER BY {_names(key)}"


def _key_at(
    connection: Connection, source: Source, key: list[KeyColumn], after: Key | None, rows: int
) -> Key | None:
    """The key of the last row of the piece after a key; None if fewer rows are left."""
    rest = where_in_range(key, KeyRange(after=after, through=None))
    texts = ", ".join(_digits(column) for column in key)
    found = fetch(connection, f"SELECT {texts} FROM {source.sql} {rest} LIMIT 1 OFFSET {max(rows, 1) - 1}")
    return tuple(map(bytes.fromhex, found[0])) if found else None


def _digits(column: KeyColumn) -> str:
    """The key value's bytes as the server writes it, in hexadecimal digits, which work for every type."""
    name = quote_name(column.name)
    return f"HEX({name})" if "binary" in column.data_type else f"HEX(CAST({name} AS CHAR))"


def _names(key: list[KeyColumn]) -> str:
    return ", ".join(quote_name(column.name) for column in key)


def _beyond(key: list[KeyColumn], values: Key, sign: str) -> str:
    """The condition that the key is beyond the values, column by column: for rows the server would not use the index."""
    if len(key) != len(values):
        raise TableChanged("The primary key changed after the table was cut: plan the read again.")
    name, literal = quote_name(key[0].name), _literal(key[0], values[0])
    if len(key) == 1:
        return f"({name} {sign} {literal})"
    rest = _beyond(key[1:], values[1:], sign)
    return f"({name} {sign}= {literal} AND ({name} {sign} {literal} OR {rest}))"


def _literal(column: KeyColumn, value: bytes) -> str:
    """The value as SQL, which can be nothing but a value."""
    shape, pattern = _LITERALS.get(column.data_type, ("", None))
    if not shape or (pattern is not None and not pattern.fullmatch(value)):
        raise TableChanged(
            f"The type of key column {column.name!r} changed after the table was cut: plan the read again."
        )
    return shape.format(text=value.decode() if pattern is not None else "", hex=value.hex())


def _to_hex(key: Key | None) -> list[str] | None:
    return None if key is None else [value.hex() for value in key]


def _from_hex(values: list[str] | None) -> Key | None:
    return None if values is None else tuple(bytes.fromhex(value) for value in values)


_LITERALS: Mapping[str, tuple[str, re.Pattern[bytes] | None]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "decimal"), ("{text}", _NUMBER)),
    **dict.fromkeys(("date", "datetime", "timestamp"), ("'{text}'", _DATE)),
    **dict.fromkeys(("char", "varchar"), ("_utf8mb4 x'{hex}'", None)),
    **dict.fromkeys(("binary", "varbinary"), ("x'{hex}'", None)),
}
"""How a key value of each type is written; text is compared by the column's own collation."""
