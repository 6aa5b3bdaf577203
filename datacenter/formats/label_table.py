"""The label table: one row for each line of a label file, built in batches."""

import re

import pyarrow as pa

PATH_NAMES = ("path", "file_name", "filename", "file", "image")
"""The first of these columns in the file is the path."""

LABEL_NAMES = ("labels", "label", "class", "category")
"""All of these columns in the file are labels; only `labels` may hold several."""

ANNOTATION_NAME = "annotation"
"""Without other columns, its value is the annotation itself; otherwise it is one key of an object."""

LABEL_SEPARATORS = re.compile(r"[|;]")


LABEL_SCHEMA = pa.schema(
    [("path", pa.string()), ("labels", pa.list_(pa.string())), ("annotation", pa.string())],
)
"""`annotation` is JSON text or null."""

BATCH_ROWS = 16_384


class LabelTableBuilder:
    """Collects rows; holds at most one batch of them as Python objects."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._batches: list[pa.RecordBatch] = []
        self._clear()

    def _clear(self) -> None:
        self._paths: list[str] = []
        self._offsets: list[int] = [0]
        self._labels: list[str] = []
        self._annotations: list[bytes | None] = []

    def add(self, path: str, labels: list[str], annotation: bytes | None) -> None:
        """Add a checked row; a label that is there twice counts once."""
        self._paths.append(self._base + path)
        self._labels.extend(labels if len(labels) < 2 else dict.fromkeys(labels))
        self._offsets.append(len(self._labels))
        self._annotations.append(annotation)
        if len(self._paths) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        labels = pa.ListArray.from_arrays(
            pa.array(self._offsets, pa.int32()), pa.array(self._labels, pa.string())
        )
        # orjson wrote the annotations, so they are UTF-8 and need no second check.
        annotations = pa.array(self._annotations, pa.binary()).view(pa.string())
        arrays = [pa.array(self._paths, pa.string()), labels, annotations]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=LABEL_SCHEMA))
        self._clear()

    def finish(self) -> pa.Table:
        """Everything that was added, in order."""
        self._flush()
        return pa.Table.from_batches(self._batches, schema=LABEL_SCHEMA)
