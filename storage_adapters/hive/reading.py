"""Reading: tables, partitions and checked queries as record batches, as the server sends their rows."""

from collections.abc import Iterator
from urllib.parse import unquote

import pyarrow as pa

from storage_adapters.errors import QueryInvalid, TableChanged
from storage_adapters.hive.catalog import quote_name, text_literal
from storage_adapters.hive.columns import Column, schema_of
from storage_adapters.hive.rows import as_field
from storage_adapters.hive.session import Session
from storage_adapters.table_storage.query_guard import Dialect, one_select
from storage_adapters.table_storage.source import Source

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What stands in place of NULL and of the empty text."""

_BLANK = r"(?: \s | /\*.*?\*/ | --[^\n]* )*"

HIVE_SQL = Dialect(
    comment=r"/\*.*?\*/ | --[^\n]*",
    refused={
        r"[rR](?=['\"])": "a raw string, r'…', which Hive and Spark read differently",
        # The sessions of Spark refuse it, too, if the server says that it is Spark.
        rf"\.{_BLANK}[`\"](?:[\w.+-]+:)?/": "a file in the place of a table",
        rf"(?i:USING)(?={_BLANK}['\"])": "USING with a program, which would run on the server",
    },
    forbidden={
        "INSERT": "writes elsewhere than to the dataset",
        "INTO": "writes elsewhere than to the dataset",
        **dict.fromkeys(
            ("REFLECT", "REFLECT2", "TRY_REFLECT", "JAVA_METHOD"), "runs any code that the server has"
        ),
    },
)
"""Backslashes escape, as both servers have it by default."""


def query_source(query: str) -> Source:
    """The query as a table to select from. Raises: QueryInvalid."""
    if "${" in query:
        raise QueryInvalid("The query holds ${, which the server could read as a variable.")
    return Source(title="the query", sql=f"({one_select(query, HIVE_SQL)}\n) `query`")


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


def stream(
    session: Session, source: Source, columns: list[Column], where: str = ""
) -> Iterator[pa.RecordBatch]:
    """The rows of the source. Memory holds one fetch.

    Raises:
        ValueUnsupported: a value has no form in its column's type.
    """
    schema = schema_of(columns)
    names = ", ".join(quote_name(column.field.name) for column in columns)
    for arrays in session.execute(f"SELECT {names} FROM {source.sql} {where}").batches():
        typed = [as_field(source.title, field, array) for field, array in zip(schema, arrays, strict=True)]
        yield pa.RecordBatch.from_arrays(typed, schema=schema)
