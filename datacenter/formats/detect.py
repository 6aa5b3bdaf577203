"""Detect: find the label file among the files of a dataset."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.registry import FOLDERS, FORMATS, label_format


@dataclass(frozen=True, kw_only=True)
class LabelFile:
    """A label file and what the paths in it are relative to."""

    format: str
    path: str
    base: str
    """Empty, or the archive's single top folder with a `/`."""


def find_label_file(paths: pa.StringArray, wanted: str | None) -> LabelFile | None:
    """The label file at the root or, if all files are in one folder, in that folder; None for folder labels.

    `wanted` is the format in the request. Without it the first file with a known name is used.

    Raises:
        LabelsInvalid: BAD_LABELS, the format is unknown, or it was requested and there is no file of it.
    """
    if wanted == FOLDERS:
        return None
    names = dict(_names(wanted))
    for base in ("", _single_top_folder(paths)):
        candidates = [base + name for name in names] if base is not None else []
        present = pc.is_in(pa.array(candidates, pa.string()), value_set=paths).to_pylist()
        for name, candidate, there in zip(names, candidates, present, strict=False):
            if there:
                return LabelFile(format=names[name], path=candidate, base=base or "")
    if wanted is not None:
        raise LabelsInvalid(
            "BAD_LABELS", f"there is no label file of the format {wanted!r}; add {' or '.join(names)}"
        )
    return None


def _names(wanted: str | None) -> Iterator[tuple[str, str]]:
    """File names with their format, best first; `labels.*` of any format before `metadata.*`."""
    formats = FORMATS if wanted is None else {wanted: label_format(wanted)}
    ranked = [
        (rank, name, known) for known, entry in formats.items() for rank, name in enumerate(entry.filenames)
    ]
    return ((name, known) for _, name, known in sorted(ranked, key=lambda each: each[0]))


def _single_top_folder(paths: pa.StringArray) -> str | None:
    first = paths[0].as_py() if len(paths) else ""
    folder, separator, _ = first.partition("/")
    base = folder + separator
    return base if separator and pc.all(pc.starts_with(paths, base)).as_py() else None
