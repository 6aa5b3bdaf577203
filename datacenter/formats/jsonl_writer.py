"""`labels.jsonl`: one JSON object a file of the dataset; labels and annotations survive exactly."""

from typing import ClassVar

import orjson
import pyarrow as pa

from datacenter.formats.row_values import annotation_texts, embedded, label_lists, paths


class JsonlWriter:
    """A label writer for programs; files without an annotation have no such key."""

    filename: ClassVar[str] = "labels.jsonl"

    def head(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """One line a row."""
        rows = zip(paths(batch), label_lists(batch), annotation_texts(batch), strict=True)
        return b"".join([_line(path, labels, annotation) for path, labels, annotation in rows])

    def tail(self) -> bytes:
        """Nothing."""
        return b""


def _line(path: str, labels: list[str], annotation: str | None) -> bytes:
    record: dict[str, object] = {"path": path, "labels": labels}
    if annotation is not None:
        record["annotation"] = embedded(annotation)
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
