"""Reading: tables, partitions and checked queries as record batches, as the server sends their rows."""

from collections.abc import Iterator
from urllib.parse import unquote

import pyarrow as pa

from storage_adapters.errors import QueryInvalid, TableChanged
from storage_adapters.hive.catalog import quote_name, text_literal
from storage_adapters.hive.columns import Column, schema_of
from storage_adapters.hive.query_rules import SPARK_SQL
from storage_adapters.hive.rows import as_field
from storage_adapters.hive.session import Session
from storage_adapters.table_storage.query_guard import one_select
from storage_adapters.table_storage.query_scanner import Dialect
from storage_adapters.table_storage.source import Source

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Stands for NULL and for the empty text."""


def query_source(query: str, dialect: Dialect = SPARK_SQL, functions: frozenset[str] = frozenset()) -> Source:
    """The query as a table to select from; these functions are allowed in it, too. Raises: QueryInvalid."""
    if "${" in query:
        raise QueryInvalid("The query contains ${, which the server could read as a variable: remove it.")
    return Source(title="the query", sql=f"({one_select(query, dialect, functions)}\n) `query`")


def where_in_partition(columns: list[Column], token: str) -> str:
    """WHERE for the rows of the partition that `year=2024/label=a%2Fb` names.

    Raises:
        TableChanged: it is another text, or the table no longer has such a column.
    """
    types = {column.field.name.lower(): column.type_name for column in columns}
    conditions = []
    for piece in token.split("/"):
        name, equals, value = piece.partition("=")
        name, value = unquote(name), unquote(value)
        if not equals or name.lower() not in types:
            raise TableChanged(f"The table is no longer partitioned by {name[:80]!r}: plan the read again.")
        conditions.append(_condition(name, types[name.lower()], value))
    return f"WHERE {' AND '.join(conditions)}"


def _condition(name: str, type_name: str, value: str) -> str:
    column = quote_name(name)
    if value == NO_VALUE:
        # Older versions of Hive show a NULL in a text column as this text.
        return f"({column} IS NULL OR CAST({column} AS STRING) = '{NO_VALUE}')"
    return f"{column} = CAST({text_literal(value)} AS {type_name})"


def stream(
    session: Session, source: Source, columns: list[Column], where: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source. Memory holds one fetch.

    Raises:
        ValueUnsupported: a column's type cannot hold a value.
    """
    schema = schema_of(columns)
    names = ", ".join(quote_name(column.field.name) for column in columns)
    for arrays in session.execute(f"SELECT {names} FROM {source.sql} {where}").batches():
        typed = [as_field(source.title, field, array) for field, array in zip(schema, arrays, strict=True)]
        yield pa.RecordBatch.from_arrays(typed, schema=schema)
