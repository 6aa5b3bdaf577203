"""Merge: what several rows of a label file say about one file becomes one list of labels and one annotation.

`owner` says for each row which file it is about, in ascending order; all of it is array operations.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.arrow_types import StringLists, list_lengths, list_offsets, row_numbers, strings

Integers = npt.NDArray[np.integer[Any]]


def merged_labels(owner: Integers, files: int, lists: StringLists) -> StringLists:
    """A list for each file: the labels of its rows in their order, each once."""
    encoded: Any = lists.flatten().dictionary_encode()
    label_owner = np.repeat(owner.astype(np.int64), list_lengths(lists))
    label = encoded.indices.to_numpy()
    # unique() gives the first place of each pair of file and label; in order of place they are grouped by file.
    _, first = np.unique(label_owner * (len(encoded.dictionary) + 1) + label, return_index=True)
    first.sort()
    offsets = list_offsets(np.bincount(label_owner[first], minlength=files))
    return pa.ListArray.from_arrays(offsets, encoded.dictionary.take(row_numbers(label[first])))


def merged_annotations(owner: Integers, files: int, texts: pa.StringArray) -> pa.StringArray:
    """JSON text for each file: null for none, one annotation as it is, several as an array of them.

    So a file whose rows describe one box of an image each gets the array of its boxes.
    """
    counts = np.bincount(owner[texts.is_valid().to_numpy(zero_copy_only=False)], minlength=files)
    lists: Any = pa.ListArray.from_arrays(list_offsets(counts), texts.drop_null())
    joined: Any = pc.binary_join(lists, ",")
    if (counts > 1).any():
        bracketed: Any = pc.binary_join_element_wise(pa.scalar("["), joined, pa.scalar("]"), pa.scalar(""))
        joined = pc.if_else(pa.array(counts > 1), bracketed, joined)
    return strings(pc.if_else(pa.array(counts == 0), pa.scalar(None, pa.string()), joined))
