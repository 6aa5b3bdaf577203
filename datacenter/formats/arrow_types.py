"""Arrow types that the published type information of pyarrow lacks."""

from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

StringLists: TypeAlias = "pa.ListArray[Any]"
"""An array of lists of strings; quoted because the class takes no parameter at run time."""


def strings(array: Any) -> pa.StringArray:
    """This array, typed as an array of strings."""
    return cast(pa.StringArray, array)


def string_lists(array: Any) -> StringLists:
    """This array, typed as an array of lists of strings."""
    return cast(StringLists, array)


def list_offsets(lengths: npt.ArrayLike) -> pa.Int32Array:
    """Where each list of these lengths begins, and where the last one ends."""
    counted = np.asarray(lengths)
    offsets = np.zeros(len(counted) + 1, dtype=np.int32)
    np.cumsum(counted, out=offsets[1:])
    return pa.array(offsets, pa.int32())


def row_numbers(rows: npt.NDArray[np.integer[Any]]) -> pa.Int64Array:
    """Row numbers as an Arrow array, for `take`."""
    return pa.array(rows, pa.int64())


def list_lengths(lists: StringLists) -> npt.NDArray[np.int32]:
    """The length of each list; a null counts as empty."""
    lengths: Any = pc.fill_null(lists.value_lengths(), pa.scalar(0, pa.int32()))
    return cast(npt.NDArray[np.int32], lengths.to_numpy())
