"""Folder labels: a file's label is the name of the folder that directly holds it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.arrow_types import StringLists, list_offsets, row_numbers, string_lists, strings
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import broken_rule


def folder_labels(paths: pa.StringArray) -> StringLists:
    """A list of labels for each path: one, or none for files at the root; vectorised over the whole batch.

    Raises:
        LabelsInvalid: BAD_LABELS, the name of a folder breaks a rule for labels.
    """
    ends = string_lists(pc.split_pattern(paths, "/", max_splits=2, reverse=True))
    offsets = ends.offsets.to_numpy()
    inside = np.diff(offsets) >= 2
    # Counted from the right: the last piece is the file's name, the one before it is its folder.
    folders = strings(pc.utf8_trim_whitespace(ends.values.take(row_numbers(offsets[1:][inside] - 2))))
    _check(folders)
    return pa.ListArray.from_arrays(list_offsets(inside), folders)


def _check(folders: pa.StringArray) -> None:
    for name in pc.unique(folders).to_pylist():
        if name is not None and (reason := broken_rule(name)):
            raise LabelsInvalid("BAD_LABELS", f"the name of a folder cannot be a label: {reason}", name)
