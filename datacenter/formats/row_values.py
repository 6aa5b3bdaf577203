"""Row values: columns of a record batch as Python values, the fast way for writing lines."""

from collections.abc import Iterator
from typing import cast

import orjson
import pyarrow as pa

from datacenter.formats.arrow_types import list_lengths, string_lists, strings


def paths(batch: pa.RecordBatch) -> list[str]:
    """The path of each row."""
    return cast(list[str], batch.column("path").to_pylist())


def label_lists(batch: pa.RecordBatch) -> Iterator[list[str]]:
    """The labels of each row; flattening first is several times faster than Arrow's own conversion of lists."""
    lists = string_lists(batch.column("labels"))
    values = cast(list[str], lists.flatten().to_pylist())
    start = 0
    for length in list_lengths(lists).tolist():
        yield values[start : start + length]
        start += length


def annotation_texts(batch: pa.RecordBatch) -> list[str | None]:
    """The annotation of each row as JSON text."""
    return strings(batch.column("annotation")).to_pylist()


def embedded(text: str | None) -> orjson.Fragment | None:
    """JSON text that goes into a line as it is."""
    return None if text is None else orjson.Fragment(text)
