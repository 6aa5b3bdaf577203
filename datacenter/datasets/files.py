"""The files of a version: listed, found and read through its manifest; no storage is ever listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datacenter.archives.arrow_bytes import one_chunk
from datacenter.datasets.columns import Column, Mask
from datacenter.datasets.manifest import group_bounds, open_rows
from datacenter.datasets.models import Dataset, DatasetVersion
from datacenter.datasets.resources import Resources
from datacenter.errors import Conflict, NotFound
from storage_adapters.object_storage.contract import ByteRange, Storage

CHUNK_BYTES = 1 << 20
PAGE_BYTES = 8 << 20
"""A page ends after the annotation that reaches this total: one annotation may be as long as a line of a label file."""
ROWS_AT_ONCE = 64
SHOWN = ["path", "size_bytes", "crc32", "media_type", "labels", "key", "offset"]
LAST = "\U0010ffff"
"""Sorts after every character that a path can contain."""


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file as a listing shows it, and the place of its bytes."""

    path: str
    size_bytes: int
    crc32: int
    media_type: str
    labels: list[str]
    key: str
    offset: int
    annotation: str | None = None
    """JSON text; only set in listings."""


@dataclass(frozen=True, kw_only=True)
class FilePage:
    """Some files in the order of their paths, and whether more follow."""

    entries: list[FileEntry]
    more: bool


def list_files(
    resources: Resources,
    dataset: Dataset,
    version: DatasetVersion,
    *,
    label: str | None = None,
    prefix: str = "",
    after_path: str = "",
    limit: int,
) -> FilePage:
    """At most `limit` files after `after_path`, fewer if their annotations are long.

    Reads only row groups that can hold such paths, and few more annotations than it returns.
    """
    storage = resources.storages.open(dataset.storage)
    found: list[FileEntry] = []
    bytes_left = PAGE_BYTES
    with open_rows(storage, version.manifest_key) as file:
        for group, (least, greatest) in enumerate(group_bounds(file)):
            if greatest <= after_path or greatest < prefix:
                continue
            if least > prefix + LAST:
                break
            rows = _matching(_numbered(file, group), label, prefix, after_path)
            for entry in _annotated(file, group, rows.slice(0, limit + 1 - len(found))):
                if len(found) == limit or bytes_left <= 0:
                    return FilePage(entries=found, more=True)
                found.append(entry)
                bytes_left -= len(entry.annotation or "")
    return FilePage(entries=found, more=False)


def find_file(resources: Resources, dataset: Dataset, version: DatasetVersion, path: str) -> FileEntry:
    """The entry of one path, without its annotation. Raises: NotFound."""
    with open_rows(resources.storages.open(dataset.storage), version.manifest_key) as file:
        for group, (least, greatest) in enumerate(group_bounds(file)):
            if least <= path <= greatest:
                rows = file.read_row_group(group, columns=SHOWN)
                for row in rows.filter(pc.equal(rows["path"], pa.scalar(path))).to_pylist():
                    return _entry(row)
    raise NotFound(f"dataset {dataset.name} has no file {path!r}")


def read_file(
    resources: Resources, dataset: Dataset, entry: FileEntry, start: int, stop: int
) -> Iterator[bytes]:
    """Bytes `start` to `stop` of a file, in pieces. Raises: StorageError before the first byte."""
    storage = resources.storages.open(dataset.storage)
    return _read(storage, entry.key, entry.offset + start, entry.offset + stop)


def require_bytes(dataset: Dataset) -> None:
    """Raises: Conflict if the dataset's parts are rows of a kept table, which have no bytes of their own."""
    if dataset.table_name is not None:
        raise Conflict(
            f"the rows of dataset {dataset.name} are kept in a table, so its parts are not files; "
            "download or export the dataset"
        )


def manifest_bytes(resources: Resources, dataset: Dataset, version: DatasetVersion) -> int:
    """The size of the manifest, a Parquet file."""
    return resources.storages.open(dataset.storage).stat(version.manifest_key).size_bytes


def read_manifest(
    resources: Resources, dataset: Dataset, version: DatasetVersion, start: int, stop: int
) -> Iterator[bytes]:
    """Bytes `start` to `stop` of the manifest, in pieces. Raises: StorageError before the first byte."""
    return _read(resources.storages.open(dataset.storage), version.manifest_key, start, stop)


def _read(storage: Storage, key: str, start: int, stop: int) -> Iterator[bytes]:
    return storage.read_ranges(
        ByteRange(key=key, offset=at, length=min(CHUNK_BYTES, stop - at))
        for at in range(start, stop, CHUNK_BYTES)
    )


def _numbered(file: pq.ParquetFile, group: int) -> pa.Table:
    rows = file.read_row_group(group, columns=SHOWN)
    return rows.append_column("row", pa.array(np.arange(rows.num_rows)))


def _annotated(file: pq.ParquetFile, group: int, rows: pa.Table) -> Iterator[FileEntry]:
    listed = rows.to_pylist()
    annotations = _annotations(file, group, [row["row"] for row in listed])
    # Not strict: that would decode the rest of the group only to check that nothing is left.
    for row, annotation in zip(listed, annotations, strict=False):
        yield _entry(row, annotation)


def _annotations(file: pq.ParquetFile, group: int, wanted: list[int]) -> Iterator[str | None]:
    """The annotations of some rows of a group, decoded a few rows at a time, because together they may be large."""
    start = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=["annotation"]):
        here = [row - start for row in wanted if start <= row < start + batch.num_rows]
        yield from batch.column(0).take(pa.array(here, pa.int64())).to_pylist()
        start += batch.num_rows


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


def _entry(row: dict[str, Any], annotation: str | None = None) -> FileEntry:
    return FileEntry(
        path=row["path"],
        size_bytes=row["size_bytes"],
        crc32=row["crc32"],
        media_type=row["media_type"],
        labels=row["labels"],
        annotation=annotation,
        key=row["key"],
        offset=row["offset"],
    )
