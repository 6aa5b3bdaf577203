"""`labels.jsonl`: one JSON object a file of the dataset; labels and annotations survive exactly."""

from typing import ClassVar

import pyarrow as pa

from datacenter.formats.arrow_types import string_lists, strings
from datacenter.formats.json_lines import as_bytes, joined, quoted, quoted_lists


class JsonlWriter:
    """A label writer for programs; files without an annotation have no such key."""

    filename: ClassVar[str] = "labels.jsonl"

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """One line a row."""
        annotation = joined(',"annotation":', batch.column("annotation"))
        return as_bytes(
            joined(
                '{"path":',
                quoted(strings(batch.column("path"))),
                ',"labels":',
                quoted_lists(string_lists(batch.column("labels"))),
                annotation.fill_null(""),
                "}\n",
            )
        )

    def tail(self) -> bytes:
        """Nothing."""
        return b""
