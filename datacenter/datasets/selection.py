"""Selection: which files of which versions go into an archive, and under which paths."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.datasets.columns import prefixed
from datacenter.datasets.files import has_label
from datacenter.datasets.manifest import ManifestTotals, merge_sorted, read_rows
from datacenter.datasets.resources import Resources

RESERVED = ("labels.jsonl", "labels.csv", "manifest.jsonl")
"""Names that the archive's own lists take."""


@dataclass(frozen=True, kw_only=True)
class LabelFilter:
    """Files with any of `any`, all of `all` and none of `none`; an empty condition lets every file through."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SelectedVersion:
    """One version of one dataset that is selected from."""

    dataset_id: str
    name: str
    version: int
    storage: str
    manifest_key: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A label filter over versions of datasets."""

    versions: tuple[SelectedVersion, ...]
    labels: LabelFilter = field(default_factory=LabelFilter)


def selected_rows(resources: Resources, selection: Selection) -> Iterator[pa.Table]:
    """Manifest rows of the selection in the order of their archive paths.

    Added columns: `storage`, `dataset`, `version`, and `source_path` where paths were changed. If a path occurs in two of the datasets, or is one that the
    archive needs for its own lists, every file goes under its dataset's name, so that nothing is renamed by half.
    """
    ordered = sorted(selection.versions, key=lambda version: version.name.encode())
    if collides(resources, selection):
        for version in ordered:
            yield from _prefixed(_rows(resources, version, selection.labels), f"{version.name}/")
        return
    yield from merge_sorted(_rows(resources, version, selection.labels) for version in ordered)


def collides(resources: Resources, selection: Selection) -> bool:
    """Whether two selected files have the same path, or one has a reserved name."""
    if len(selection.versions) == 1:
        return _any_reserved(
            _filtered(resources, selection.versions[0], selection.labels, ["path", "labels"])
        )
    streams = [
        _filtered(resources, version, selection.labels, ["path", "labels"]) for version in selection.versions
    ]
    paths = (table.select(["path"]) for table in merge_sorted(streams))
    return _any_twice_or_reserved(paths)


def totals_of(resources: Resources, selection: Selection) -> ManifestTotals:
    """Files, bytes and labels of a selection."""
    totals = ManifestTotals()
    for version in selection.versions:
        for table in _filtered(resources, version, selection.labels, ["path", "labels", "size_bytes"]):
            totals.add(table)
    return totals


def matching(table: pa.Table, labels: LabelFilter) -> pa.Table:
    """The rows that a label filter lets through."""
    conditions = [[label] for label in labels.all] + ([list(labels.any)] if labels.any else [])
    masks = [has_label(table["labels"], wanted) for wanted in conditions]
    if labels.none:
        masks.append(pc.invert(has_label(table["labels"], list(labels.none))))
    for mask in masks[1:]:
        masks[0] = pc.and_(masks[0], mask)
    return table.filter(masks[0]) if masks else table


def _filtered(
    resources: Resources, version: SelectedVersion, labels: LabelFilter, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    storage = resources.storages.open(version.storage)
    for table in read_rows(storage, version.manifest_key, columns):
        yield matching(table, labels)


def _rows(resources: Resources, version: SelectedVersion, labels: LabelFilter) -> Iterator[pa.Table]:
    for table in _filtered(resources, version, labels):
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


def _any_reserved(tables: Iterable[pa.Table]) -> bool:
    reserved = pa.array(RESERVED, pa.string())
    return any(pc.any(pc.is_in(table["path"], value_set=reserved)).as_py() for table in tables)


def _any_twice_or_reserved(tables: Iterable[pa.Table]) -> bool:
    last: str | None = None
    for table in tables:
        paths = table["path"].combine_chunks()
        if not len(paths):
            continue
        twice = len(paths) > 1 and pc.any(pc.equal(paths[1:], paths[:-1])).as_py()
        if twice or paths[0].as_py() == last or _any_reserved([table]):
            return True
        last = paths[-1].as_py()
    return False
