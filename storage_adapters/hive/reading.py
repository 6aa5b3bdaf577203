"""Reading: the rows of a table or a query as record batches, as the server sends them."""

from collections.abc import Iterator

import pyarrow as pa

from storage_adapters.hive.columns import Column, schema_of
from storage_adapters.hive.names import quote_name
from storage_adapters.hive.rows import as_field
from storage_adapters.hive.session import Session
from storage_adapters.table_source import Source


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
