"""Columns of manifests and member tables, with the types that Arrow's published signatures leave open."""

from typing import Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = "pa.ChunkedArray[Any]"
"""A column of a table; quoted because the class takes no parameter when the program runs."""
Mask: TypeAlias = pa.BooleanArray
"""Selects rows. Compute functions are declared to return this type, but return chunks for a chunked column."""


def required(name: str, kind: pa.DataType) -> "pa.Field[Any]":
    """A column with a value in every row."""
    return pa.field(name, kind, nullable=False)


def optional(name: str, kind: pa.DataType) -> "pa.Field[Any]":
    """A column whose values may be null."""
    return pa.field(name, kind)


def label_lists(column: Column) -> list[list[str]]:
    """The labels of each row."""
    return cast(list[list[str]], column.to_pylist())


def occurrences(texts: "pa.Array[Any] | Column") -> dict[str, int]:
    """How often each text occurs."""
    counted: Any = pc.value_counts(texts)
    return {entry["values"]: entry["counts"] for entry in counted.to_pylist()}


def true_count(mask: Mask) -> int:
    """How many rows a mask selects."""
    total: Any = pc.sum(cast(Any, mask))
    return cast(int, total.as_py() or 0)


def prefixed(texts: Column, prefix: str) -> Column:
    """Every text with `prefix` before it."""
    parts: list[Any] = [pa.scalar(prefix), texts, ""]
    return cast(Column, pc.binary_join_element_wise(*parts))
