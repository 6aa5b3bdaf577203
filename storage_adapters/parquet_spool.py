"""Parquet spools: a stream of record batches as a Parquet file that can be read anywhere, and back.

Parquet is read from its end and a table is sent from its beginning, so something has to hold the bytes
between: memory for small tables, an unnamed file in the temporary directory beyond `MEMORY_BYTES`. It is gone
when it is closed, or with the process.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

MEMORY_BYTES = 16 * 1024 * 1024
GROUP_BYTES = 64 * 1024 * 1024
GROUP_ROWS = 1_000_000


def spool_batches(batches: Iterator[pa.RecordBatch]) -> IO[bytes]:
    """The batches, of which there is at least one, as an open Parquet file at its beginning.

    Memory holds one row group of about `GROUP_BYTES`, never the table.
    """
    first = next(batches)
    file = _spool()
    try:
        with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            _write_groups(writer, first, batches)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


class ParquetIntake:
    """A file to write Parquet into; closing it hands the whole over, leaving by an exception does not."""

    def __init__(self, publish: Callable[[pa.Schema, Iterator[pa.RecordBatch]], None]) -> None:
        self._publish = publish
        self._file = _spool()

    def write(self, data: Any) -> int:
        """Take bytes."""
        return self._file.write(data)

    def tell(self) -> int:
        """Bytes taken so far."""
        return self._file.tell()

    def flush(self) -> None:
        """Nothing: a table has no half."""

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never: bytes come in order."""
        return False

    def writable(self) -> bool:
        """Until it is closed."""
        return not self.closed

    @property
    def closed(self) -> bool:
        """Whether it was closed or discarded."""
        return self._file.closed

    def close(self) -> None:
        """Publish what was written. Raises: pyarrow.ArrowInvalid: it is not Parquet. Twice does no harm."""
        if self.closed:
            return
        try:
            self._file.seek(0)
            with pq.ParquetFile(self._file) as parquet:
                self._publish(parquet.schema_arrow, parquet.iter_batches())
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget what was written."""
        self._file.close()

    def __enter__(self) -> "ParquetIntake":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # Nobody closed it, so nobody said that it is complete.
        with suppress(AttributeError):
            self.discard()


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """Closed without a warning by those who read it: pyarrow's datasets leave that to the garbage collector."""

    def __init__(self) -> None:
        super().__init__(MEMORY_BYTES)

    def __del__(self) -> None:
        self.close()


def _spool() -> IO[bytes]:
    return _Spool()


def _write_groups(writer: pq.ParquetWriter, first: pa.RecordBatch, batches: Iterator[pa.RecordBatch]) -> None:
    gathered = [first]
    rows, size_bytes = first.num_rows, first.nbytes
    for batch in batches:
        if size_bytes >= GROUP_BYTES or rows >= GROUP_ROWS:
            writer.write_table(pa.Table.from_batches(gathered))
            gathered, rows, size_bytes = [], 0, 0
        gathered.append(batch)
        rows, size_bytes = rows + batch.num_rows, size_bytes + batch.nbytes
    writer.write_table(pa.Table.from_batches(gathered))
