"""Parquet spools: a stream of record batches as a Parquet file that can be read anywhere, and back.

Parquet is read from its end and a table is sent from its beginning, so the bytes between are held in memory for
small tables, and beyond `MEMORY_BYTES` in an unnamed file in the temporary directory, which is removed when it is
closed, or with the process.
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
    """The batches in tables of one row group each: a table ends with the batch that reaches `size_bytes`."""
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


class ParquetSink:
    """A file to write Parquet to; `close` publishes the table, an exception discards it."""

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
        """Nothing: a table is published as a whole."""

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never: bytes are written in order."""
        return False

    def writable(self) -> bool:
        """Until it is closed."""
        return not self.closed

    @property
    def closed(self) -> bool:
        """Whether it was closed or discarded."""
        return self._file.closed

    def close(self) -> None:
        """Publish what was written. Raises: pyarrow.ArrowInvalid: it is not Parquet. Can be called twice."""
        if self.closed:
            return
        try:
            self._file.seek(0)
            with pq.ParquetFile(self._file) as parquet:
                self._publish(parquet.schema_arrow, parquet.iter_batches())
        finally:
            self.discard()

    def discard(self) -> None:
        """Discard what was written."""
        self._file.close()

    def __enter__(self) -> "ParquetSink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # It was never closed, so it may be incomplete.
        with suppress(AttributeError):
            self.discard()


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """Closes itself without a warning: pyarrow's datasets leave that to the garbage collector."""

    def __init__(self) -> None:
        super().__init__(MEMORY_BYTES)

    def __del__(self) -> None:
        self.close()


def _spool() -> IO[bytes]:
    return _Spool()
