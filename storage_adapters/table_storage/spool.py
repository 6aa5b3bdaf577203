"""Parquet spools: a stream of record batches as a Parquet file that can be read anywhere, and back.

Parquet is read from its end and a table is sent from its beginning, so something has to hold the bytes
between: memory for small tables, an unnamed file in the temporary directory beyond `MEMORY_BYTES`. It is gone
when it is closed, or with the process.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
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
            for group in row_groups(chain([first], batches), size_bytes=GROUP_BYTES):
                writer.write_table(group)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def row_groups(batches: Iterable[pa.RecordBatch], *, size_bytes: int) -> Iterator[pa.Table]:
    """The batches in tables that are worth a row group each: a table ends with the batch that makes it so large."""
    gathered: list[pa.RecordBatch] = []
    gathered_rows = gathered_bytes = 0
    for batch in batches:
        gathered.append(batch)
        gathered_rows, gathered_bytes = gathered_rows + batch.num_rows, gathered_bytes + batch.nbytes
        if gathered_bytes >= size_bytes or gathered_rows >= GROUP_ROWS:
            yield pa.Table.from_batches(gathered)
            gathered, gathered_rows, gathered_bytes = [], 0, 0
    if gathered:
        yield pa.Table.from_batches(gathered)


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
