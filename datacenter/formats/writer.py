"""The contract of a label writer: a file made of a head, rows and a tail, so that many workers can write it."""

from typing import ClassVar, Protocol

import pyarrow as pa


class LabelWriter(Protocol):
    """Writes the columns `path`, `labels` and `annotation` (JSON text or null) of record batches.

    The file is `head() + rows(batch) + rows(batch) … + tail()`. The same rows always give the same bytes,
    however they are cut into batches.
    """

    filename: ClassVar[str]

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """The rows of a batch."""
        ...

    def tail(self) -> bytes:
        """What comes after the last row."""
        ...
