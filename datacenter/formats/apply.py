"""Apply: give files the labels and annotations that a label table has for their paths."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.arrow_types import (
    StringLists,
    list_lengths,
    list_offsets,
    row_numbers,
    string_lists,
    strings,
)


class LabelJoin:
    """A label table that is applied to the files of a dataset batch by batch.

    Each batch is hashed, and the rows that are not used yet are looked up in it, so that no memory besides the
    table grows with the dataset. Batches of some ten thousand files are best.
    """

    def __init__(self, table: pa.Table) -> None:
        self._labels = string_lists(table["labels"].combine_chunks())
        self._annotations = strings(table["annotation"].combine_chunks())
        # Stays in chunks, so that removing used rows copies little at a time.
        self._paths = table["path"]
        self._rows = np.arange(table.num_rows)
        self._duplicates = 0

    def apply(self, paths: pa.StringArray) -> tuple[StringLists, pa.StringArray]:
        """Labels and annotations of these files; no file may be in two batches."""
        owners = pc.index_in(self._paths, value_set=paths)
        hit = owners.is_valid().to_numpy(zero_copy_only=False)
        owner = owners.drop_null().to_numpy()
        # Stable, so that rows of one file stay in the order of the label file.
        order = np.argsort(owner, kind="stable")
        owner, rows = owner[order], row_numbers(self._rows[hit][order])
        self._remove_used(hit)
        self._duplicates += len(owner) - len(np.unique(owner))
        labels = merged_labels(owner, len(paths), string_lists(self._labels.take(rows)))
        return labels, merged_annotations(owner, len(paths), strings(self._annotations.take(rows)))

    def _remove_used(self, used: "np.typing.NDArray[np.bool_]") -> None:
        self._rows = self._rows[~used]
        self._paths = self._paths.filter(pa.array(~used))

    @property
    def unknown(self) -> int:
        """How many paths of the table were in no batch so far."""
        return pc.count_distinct(self._paths).as_py()

    @property
    def first_unknown(self) -> str | None:
        """The first of these paths in the order of the table."""
        return self._paths[0].as_py() if len(self._paths) else None

    @property
    def duplicates(self) -> int:
        """Rows so far for a file that an earlier row named; their labels were joined."""
        return self._duplicates


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
    """JSON text for each file: null without annotation, one annotation as it is, several as an array.

    For example, a file with one row for each box in the image gets the array of its boxes.
    """
    counts = np.bincount(owner[texts.is_valid().to_numpy(zero_copy_only=False)], minlength=files)
    lists: Any = pa.ListArray.from_arrays(list_offsets(counts), texts.drop_null())
    joined: Any = pc.binary_join(lists, ",")
    if (counts > 1).any():
        bracketed: Any = pc.binary_join_element_wise(pa.scalar("["), joined, pa.scalar("]"), pa.scalar(""))
        joined = pc.if_else(pa.array(counts > 1), bracketed, joined)
    return strings(pc.if_else(pa.array(counts == 0), pa.scalar(None, pa.string()), joined))
