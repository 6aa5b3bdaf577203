"""Write rows as one part of a table, in any of the table formats, and know its manifest row afterwards."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa

from datacenter.datasets.summed_writer import SummedWriter
from datacenter.datasets.table_parts import RowCount, part_row
from datacenter.formats.table_formats import TableFormat, TableWriter
from storage_adapters.object_storage.contract import Storage


class PartWriter:
    """One part while it is written."""

    def __init__(self, sink: SummedWriter, writer: TableWriter, count: RowCount) -> None:
        self._sink, self._writer, self._count = sink, writer, count

    @property
    def size_bytes(self) -> int:
        """Bytes written so far; rows may still be held back."""
        return self._sink.size_bytes

    def write(self, rows: pa.Table) -> None:
        """Add rows, which become a row group where the format has such. Raises: LabelsInvalid, ColumnUnsupported."""
        self._count.add(rows)
        self._writer.write(rows)

    def row(self, *, path: str, key: str, media_type: str) -> dict[str, Any]:
        """The manifest row of the part, once it is finished."""
        size_bytes, crc32 = self._sink.size_bytes, self._sink.crc32
        return part_row(
            self._count.note(), path=path, key=key, media_type=media_type, size_bytes=size_bytes, crc32=crc32
        )


@contextmanager
def new_part(
    storage: Storage, key: str, table_format: TableFormat, schema: pa.Schema, count: RowCount
) -> Iterator[PartWriter]:
    """A part to write rows to; its object appears when the block ends well, or not at all.

    Raises: ColumnUnsupported, the format has no form for a column.
    """
    with SummedWriter(storage, key) as sink, closing(table_format.writer(sink, schema)) as writer:
        yield PartWriter(sink, writer, count)
