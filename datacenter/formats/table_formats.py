"""The formats to write tables in: Parquet keeps every type, CSV and JSON lines write values as text."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, Any, Protocol, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from datacenter.formats.arrow_types import strings
from datacenter.formats.errors import ColumnNotWritable
from datacenter.formats.json_lines import as_bytes, joined, quoted


class Sink(Protocol):
    """The target of a table's bytes, front to back."""

    def write(self, data: Any, /) -> int:
        """Take bytes."""


class TableWriter(Protocol):
    """Writes one table to a sink."""

    def write(self, rows: pa.Table) -> None:
        """Add rows. Raises: LabelsInvalid."""

    def close(self) -> None:
        """Write the end of the table; the sink stays open."""


class ParquetTable:
    """Every `write` is a row group."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        # ParquetWriter is typed for a file, but uses only the methods of a sink.
        file = cast(IO[bytes], sink)
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")
        self.close = self._writer.close

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))


class CsvTable:
    """A header and a line a row, by RFC 4180 with LF. Texts are quoted, so that an empty text differs from NULL."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        self._schema = csv_schema(schema)
        self._writer = pa_csv.CSVWriter(cast(IO[bytes], sink), self._schema)
        self.close = self._writer.close

    def write(self, rows: pa.Table) -> None:
        columns = [csv_column(column) for column in rows.columns]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))


class JsonlTable:
    """One JSON object a line, with every column in it."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        csv_schema(schema)  # JSON lines support the same types as CSV
        self._sink = sink

    def write(self, rows: pa.Table) -> None:
        for batch in rows.to_batches():
            pieces: list[Any] = []
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                head = as_bytes(quoted(pa.array([name], pa.string()))).decode()
                pieces += [f"{',' if pieces else '{'}{head}:", json_column(column)]
            self._sink.write(as_bytes(joined(*pieces, "}\n")))

    def close(self) -> None:
        """Nothing: every line is whole."""


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """A format: its file name's suffix, its media type and its writer."""

    suffix: str
    media_type: str
    writer: type[ParquetTable] | type[CsvTable] | type[JsonlTable]


TABLE_FORMATS: Mapping[str, TableFormat] = MappingProxyType(
    {
        "parquet": TableFormat(
            suffix=".parquet", media_type="application/vnd.apache.parquet", writer=ParquetTable
        ),
        "csv": TableFormat(suffix=".csv", media_type="text/csv", writer=CsvTable),
        "jsonl": TableFormat(suffix=".jsonl", media_type="application/jsonl", writer=JsonlTable),
    }
)


Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"


def csv_schema(schema: pa.Schema) -> pa.Schema:
    """The columns for CSV: bytes become text. Raises: ColumnNotWritable, naming the column."""
    fields = []
    for field in schema:
        if pa.types.is_nested(field.type):
            raise ColumnNotWritable(
                f"table_format: column {field.name!r} is of type {field.type}, which CSV and JSON lines cannot hold; "
                "use parquet"
            )
        fields.append(pa.field(field.name, pa.string()) if _is_bytes(field.type) else field)
    return pa.schema(fields)


def csv_column(column: Any) -> Any:
    """The values in a type that Arrow's CSV writer writes correctly; bytes in base64."""
    return _base64(column) if _is_bytes(column.type) else column


def json_column(column: Any) -> pa.StringArray:
    """Each value as JSON: booleans and finite numbers without quotes, everything else as text, NULL as null.

    A decimal is text, so that no reader turns it into a float.
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
