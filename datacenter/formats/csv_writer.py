"""`labels.csv`: the label file for people; spreadsheets open it, and cells follow the rule of `cells`."""

import csv
import io
from typing import ClassVar

import pyarrow as pa

from datacenter.formats.cells import guarded, joined_labels
from datacenter.formats.row_values import annotation_texts, label_lists, paths


class CsvWriter:
    """A label writer for people: a byte order mark so that spreadsheets see UTF-8, and CRLF."""

    filename: ClassVar[str] = "labels.csv"

    def head(self) -> bytes:
        """The byte order mark and the header."""
        return b"\xef\xbb\xbfpath,labels,annotation\r\n"

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """One row a file; no annotation is an empty cell."""
        text = io.StringIO(newline="")
        rows = zip(paths(batch), label_lists(batch), annotation_texts(batch), strict=True)
        csv.writer(text).writerows(
            (guarded(path), guarded(joined_labels(labels)), guarded(annotation or ""))
            for path, labels, annotation in rows
        )
        return text.getvalue().encode()

    def tail(self) -> bytes:
        """Nothing."""
        return b""
