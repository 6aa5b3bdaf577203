"""Partitions: a piece of a partitioned table, from the server's own text to a condition."""

from urllib.parse import unquote

from storage_adapters.errors import TableChanged
from storage_adapters.hive.columns import Column
from storage_adapters.hive.names import quote_name, text_literal

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What stands in place of NULL and of the empty text."""


def where_in_partition(columns: list[Column], token: str) -> str:
    """WHERE for the rows of the partition that `year=2024/label=a%2Fb` names.

    Raises:
        TableChanged: it is no such text, or the table has no such column any more.
    """
    types = {column.field.name.lower(): column.type_name for column in columns}
    conditions = []
    for piece in token.split("/"):
        name, equals, value = piece.partition("=")
        name, value = unquote(name), unquote(value)
        if not equals or name.lower() not in types:
            raise TableChanged(f"The table is not partitioned by {name[:80]!r} any more.")
        conditions.append(_condition(name, types[name.lower()], value))
    return f"WHERE {' AND '.join(conditions)}"


def _condition(name: str, type_name: str, value: str) -> str:
    column = quote_name(name)
    if value == NO_VALUE:
        # Older Hives show a text column's missing value as this very text.
        return f"({column} IS NULL OR CAST({column} AS STRING) = '{NO_VALUE}')"
    return f"{column} = CAST({text_literal(value)} AS {type_name})"
