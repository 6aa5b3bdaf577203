"""Selection: which files of which versions go into an archive, and under which paths."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.datasets.columns import prefixed
from datacenter.datasets.files import has_label
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.manifest import merge_sorted, read_rows
from datacenter.datasets.resources import Resources
from datacenter.formats.manifest_lines import MANIFEST_FILENAME
from datacenter.formats.registry import FORMATS

RESERVED = (*(each.filenames[0] for each in FORMATS.values()), MANIFEST_FILENAME)
"""The names of the archive's own lists."""


@dataclass(frozen=True, kw_only=True)
class SelectedVersion:
    """One version of a dataset in a selection."""

    dataset_id: str
    name: str
    version: int
    storage: str
    manifest_key: str
    kind: str = "files"
    label_column: str | None = None
    table_storage: str | None = None
    table_name: str | None = None
    """The kept table, if the rows are in one: the manifest then names its pieces instead of objects."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A label filter over versions of datasets."""

    versions: tuple[SelectedVersion, ...]
    labels: LabelFilter = field(default_factory=LabelFilter)


def selected_rows(
    resources: Resources, selection: Selection, check: Callable[[], None] = lambda: None
) -> Iterator[pa.Table]:
    """Manifest rows of the selection in the order of their archive paths.

    Added columns: `storage`, `dataset`, `version`, and `source_path` where paths were changed. If paths collide,
    every file goes into its dataset's folder, so that either all files are renamed or none. `check` may raise to stop.
    """
    if not collides(resources, selection, check):
        ordered = sorted(selection.versions, key=lambda version: version.name.encode())
        yield from merge_sorted(_rows(resources, version, selection.labels) for version in ordered)
        return
    folders = folder_names([version.name for version in selection.versions], RESERVED)
    prefixes = {f"{folders[version.name]}/": version for version in selection.versions}
    for prefix in sorted(prefixes, key=str.encode):
        yield from _prefixed(_rows(resources, prefixes[prefix], selection.labels), prefix)


def collides(resources: Resources, selection: Selection, check: Callable[[], None] = lambda: None) -> bool:
    """Whether paths of two datasets collide, or a path is a name of the archive's own lists."""
    streams = [
        (
            table.select(["path"])
            for table in filtered_rows(resources, version, selection.labels, ["path", "labels"])
        )
        for version in selection.versions
    ]
    # The paths of one dataset are known not to collide.
    collisions = _PathCollisions() if len(streams) > 1 else None
    for table in merge_sorted(streams):
        check()
        if _any_reserved(table) or (collisions is not None and collisions.any_in(table)):
            return True
    return False


def matching(table: pa.Table, labels: LabelFilter) -> pa.Table:
    """The rows that match a label filter."""
    conditions = [[label] for label in labels.all] + ([list(labels.any)] if labels.any else [])
    masks = [has_label(table["labels"], wanted) for wanted in conditions]
    if labels.none:
        masks.append(pc.invert(has_label(table["labels"], list(labels.none))))
    for mask in masks[1:]:
        masks[0] = pc.and_(masks[0], mask)
    return table.filter(masks[0]) if masks else table


def filtered_rows(
    resources: Resources, version: SelectedVersion, labels: LabelFilter, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """Manifest rows of one version that match a label filter."""
    storage = resources.storages.open(version.storage)
    for table in read_rows(storage, version.manifest_key, columns):
        yield matching(table, labels)


def _rows(resources: Resources, version: SelectedVersion, labels: LabelFilter) -> Iterator[pa.Table]:
    for table in filtered_rows(resources, version, labels):
        rows = table.num_rows
        yield (
            table.append_column("storage", pa.array([version.storage] * rows, pa.string()))
            .append_column("dataset", pa.array([version.name] * rows, pa.string()))
            .append_column("version", pa.array(np.full(rows, version.version, np.int32)))
        )


def _prefixed(tables: Iterable[pa.Table], prefix: str) -> Iterator[pa.Table]:
    for table in tables:
        index = table.schema.get_field_index("path")
        renamed = table.set_column(index, table.schema.field(index), prefixed(table["path"], prefix))
        yield renamed.append_column("source_path", table["path"])


def _any_reserved(table: pa.Table) -> bool:
    paths = table["path"]
    named = pc.is_in(paths, value_set=pa.array(RESERVED, pa.string()))
    below = (pc.starts_with(paths, f"{name}/") for name in RESERVED)
    return any(pc.any(mask).as_py() for mask in (named, *below))


class _PathCollisions:
    """Detects in sorted paths one that occurs twice, or is both a file and a folder."""

    def __init__(self) -> None:
        self._starts: list[str] = []
        """Paths that the current one begins with: in sorted order, all paths with the same start follow it directly."""

    def any_in(self, table: pa.Table) -> bool:
        starts = self._starts
        paths = cast(list[str], table["path"].to_pylist())
        for path in paths:
            while starts and not path.startswith(starts[-1]):
                starts.pop()
            if any(path[len(before) : len(before) + 1] in ("", "/") for before in starts):
                return True
            starts.append(path)
        return False


NAME_BYTES = 200
"""File systems allow 255; the rest is for a number that may follow."""
_SPLITS = re.compile(r"[/\\:]")


def folder_names(datasets: Collection[str], reserved: Collection[str]) -> dict[str, str]:
    """A folder for each dataset name: one safe path segment, different from all others on any file system.

    A dataset may have the name of a path or of one of the archive's own lists; its folder never has.
    """
    taken = {_folded(name) for name in reserved}
    folders = {}
    for name in sorted(datasets, key=str.encode):
        wanted = _segment(name)
        folder, number = wanted, 2
        while _folded(folder) in taken:
            folder, number = f"{wanted}-{number}", number + 1
        taken.add(_folded(folder))
        folders[name] = folder
    return folders


def _segment(name: str) -> str:
    plain = _SPLITS.sub("_", name).encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return plain or "dataset"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
