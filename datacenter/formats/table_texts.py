"""Values of a table as text, for formats that have no types of their own: CSV and JSON lines."""

import base64
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.arrow_types import strings
from datacenter.formats.json_lines import quoted
from storage_adapters.errors import ColumnUnsupported

Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"


def csv_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as CSV has them: bytes become text. Raises: ColumnUnsupported, naming the column."""
    fields = []
    for field in schema:
        if pa.types.is_nested(field.type):
            raise ColumnUnsupported(
                f"table_format: column {field.name!r} is a {field.type}, which CSV and JSON lines have no form for; "
                "use parquet"
            )
        fields.append(pa.field(field.name, pa.string()) if _is_bytes(field.type) else field)
    return pa.schema(fields)


def csv_column(column: Any) -> Any:
    """The values as Arrow's CSV writer writes them right; bytes in base64."""
    return _base64(column) if _is_bytes(column.type) else column


def json_column(column: Any) -> pa.StringArray:
    """Each value as JSON: numbers that JSON has and booleans bare, everything else as text, NULL as null.

    A decimal is text, so that no reader makes a float of it.
    """
    texts: Any = csv_column(column).cast(pa.string())
    if not _is_bare(column.type):
        texts = quoted(strings(texts))
    elif pa.types.is_floating(column.type):
        texts = pc.if_else(pc.is_finite(column), texts, quoted(strings(texts)))
    return strings(texts.fill_null("null"))


def _is_bare(kind: pa.DataType) -> bool:
    return any(fits(kind) for fits in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean))


def _is_bytes(kind: pa.DataType) -> bool:
    return any(
        fits(kind) for fits in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    )


def _base64(column: Any) -> pa.StringArray:
    return pa.array(
        [None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()],
        pa.string(),
    )
