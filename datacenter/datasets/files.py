"""The files of a version: listed, found and read by way of its manifest; no storage is ever listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import one_chunk
from datacenter.datasets.columns import Column, Mask
from datacenter.datasets.manifest import group_bounds, open_rows
from datacenter.datasets.models import Dataset, DatasetVersion
from datacenter.datasets.resources import Resources
from datacenter.errors import NotFound
from datacenter.storages.object_file import ObjectSource
from storage_adapters.contract import ByteRange

CHUNK_BYTES = 1 << 20
SHOWN = ["path", "size_bytes", "crc32", "media_type", "labels", "annotation"]
LAST = "\U0010ffff"
"""Sorts behind every character that a path can hold."""


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file as a listing shows it."""

    path: str
    size_bytes: int
    crc32: int
    media_type: str
    labels: list[str]
    annotation: Any | None


def list_files(
    resources: Resources,
    dataset: Dataset,
    version: DatasetVersion,
    *,
    label: str | None = None,
    prefix: str = "",
    after_path: str = "",
    limit: int,
) -> list[FileEntry]:
    """Files in the order of their paths, behind `after_path`; reads only row groups that can hold such paths."""
    storage = resources.storages.open(dataset.storage)
    found: list[FileEntry] = []
    with open_rows(storage, version.manifest_key) as file:
        for group, (least, greatest) in enumerate(group_bounds(file)):
            if greatest <= after_path or greatest < prefix:
                continue
            if least > prefix + LAST:
                break
            rows = _matching(file.read_row_group(group, columns=SHOWN), label, prefix, after_path)
            found += [_entry(row) for row in rows.slice(0, limit - len(found)).to_pylist()]
            if len(found) == limit:
                break
    return found


def find_file(resources: Resources, dataset: Dataset, version: DatasetVersion, path: str) -> FileEntry:
    """The entry of one path. Raises: NotFound."""
    return _entry(_row(resources, dataset, version, path))


def read_file(
    resources: Resources, dataset: Dataset, version: DatasetVersion, path: str, start: int, stop: int
) -> Iterator[bytes]:
    """Bytes `start` to `stop` of a file, in pieces. Raises: NotFound, and StorageError before the first byte."""
    row = _row(resources, dataset, version, path)
    storage = resources.storages.open(dataset.storage)
    base = row["offset"]
    return storage.read_ranges(
        ByteRange(key=row["key"], offset=base + at, length=min(CHUNK_BYTES, stop - at))
        for at in range(start, stop, CHUNK_BYTES)
    )


def read_manifest(
    resources: Resources, dataset: Dataset, version: DatasetVersion
) -> tuple[int, Iterator[bytes]]:
    """The size of the manifest and its bytes, a Parquet file."""
    source = ObjectSource(resources.storages.open(dataset.storage), version.manifest_key)
    return source.size_bytes, source.stream(CHUNK_BYTES)


def _matching(rows: pa.Table, label: str | None, prefix: str, after_path: str) -> pa.Table:
    mask = pc.greater(rows["path"], pa.scalar(after_path))
    if prefix:
        mask = pc.and_(mask, pc.starts_with(rows["path"], prefix))
    if label is not None:
        mask = pc.and_(mask, has_label(rows["labels"], [label]))
    return rows.filter(mask)


def has_label(labels: Column, wanted: list[str]) -> Mask:
    """Which rows have at least one of the wanted labels."""
    lists = one_chunk(labels)
    hits = pc.filter(
        pc.list_parent_indices(lists),
        pc.is_in(pc.list_flatten(lists), value_set=pa.array(wanted, pa.string())),
    )
    rows = pa.array(np.arange(len(lists)))
    return pc.is_in(rows, value_set=hits.cast(pa.int64()))


def _row(resources: Resources, dataset: Dataset, version: DatasetVersion, path: str) -> dict[str, Any]:
    with open_rows(resources.storages.open(dataset.storage), version.manifest_key) as file:
        for group, (least, greatest) in enumerate(group_bounds(file)):
            if least <= path <= greatest:
                rows = file.read_row_group(group)
                for row in rows.filter(pc.equal(rows["path"], pa.scalar(path))).to_pylist():
                    return dict(row)
    raise NotFound(f"dataset {dataset.name} has no file {path!r}")


def _entry(row: dict[str, Any]) -> FileEntry:
    annotation = orjson.loads(row["annotation"]) if row["annotation"] is not None else None
    return FileEntry(
        path=row["path"],
        size_bytes=row["size_bytes"],
        crc32=row["crc32"],
        media_type=row["media_type"],
        labels=row["labels"],
        annotation=annotation,
    )
