"""Labels of an import, from a label file among the files or from the folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.apply import LabelJoin
from datacenter.formats.detect import LabelFile, find_label_file
from datacenter.formats.folders import folder_labels
from datacenter.formats.label_rules import LabelLimits
from datacenter.formats.manifest_lines import MANIFEST_FILENAME
from datacenter.formats.registry import reader_for


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The paths that are files of the dataset, with their labels; lists are left out."""

    keep: Any
    """A mask over the paths."""
    labels: Any
    annotations: Any
    label_file: str | None
    warnings: list[str]


def find_lists(paths: Any, wanted: str | None) -> tuple[LabelFile | None, list[str]]:
    """The label file, and the paths of lists, which describe files of the dataset. Raises: LabelsInvalid."""
    label_file = find_label_file(paths, wanted)
    if label_file is None:
        return None, []
    return label_file, [label_file.path, label_file.base + MANIFEST_FILENAME]


def apply(
    paths: Any, label_file: LabelFile | None, lists: list[str], chunks: Iterator[bytes], max_labels: int
) -> Labelled:
    """Give every path its labels; `chunks` is the label file's content. Raises: LabelsInvalid."""
    if label_file is None:
        keep = pa.array([True] * len(paths), pa.bool_())
        annotations = pa.nulls(len(paths), pa.string())
        return Labelled(
            keep=keep, labels=folder_labels(paths), annotations=annotations, label_file=None, warnings=[]
        )
    keep = pc.invert(pc.is_in(paths, value_set=pa.array(lists, pa.string())))
    join = LabelJoin(reader_for(label_file.format)(chunks, label_file.base, LabelLimits(labels=max_labels)))
    labels, annotations = join.apply(paths.filter(keep))
    warnings = []
    if join.unknown:
        warnings.append(
            f"{label_file.path} names {join.unknown} files that do not exist, first {join.first_unknown!r}"
        )
    return Labelled(
        keep=keep, labels=labels, annotations=annotations, label_file=label_file.path, warnings=warnings
    )
