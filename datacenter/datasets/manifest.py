"""The manifest: the complete list of a version's files, as one immutable Parquet object, sorted by path."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datacenter.datasets.columns import occurrences, optional, required, true_count
from datacenter.datasets.models import dataset_prefix
from datacenter.storages.object_file import ObjectReader, ObjectWriter
from storage_adapters.object_storage.contract import Storage

SCHEMA = pa.schema(
    [
        required("path", pa.string()),
        required("size_bytes", pa.int64()),
        required("crc32", pa.uint32()),
        required("media_type", pa.string()),
        required("labels", pa.list_(pa.string())),
        optional("annotation", pa.string()),
        required("key", pa.string()),
        required("offset", pa.int64()),
        required("length", pa.int64()),
        optional("compression", pa.string()),
    ]
)
"""`annotation` is JSON text. A file's bytes are `length` bytes of the object `key` from `offset`."""
ROW_GROUP = 16_384
VALUES_AT_ONCE = 16
"""A page of a column can end only after a multiple of this: a reader of long annotations holds at least a page of them."""
MERGED_AT_ONCE = 16
REPEATING = ["media_type", "labels.list.element", "compression", "storage", "method"]
"""Columns with few different values, by their Parquet names; for paths or keys a dictionary would be larger than they are."""

_OBJECT = re.compile(r"datasets/(?P<dataset_id>[^/]+)/objects/(?P<unique>[^/]+)/")


def manifest_key(dataset_id: str, version: int, unique: str) -> str:
    """The key of a version's manifest; `unique` keeps two writers of one version apart."""
    return f"{dataset_prefix(dataset_id)}manifests/{version:06d}-{unique}.parquet"


def manifest_folder(dataset_id: str, version: int, unique: str) -> str:
    """The folder of a manifest that may not be published, so that it can be listed as litter."""
    return f"{dataset_prefix(dataset_id)}manifests/{version:06d}-{unique}/"


def objects_prefix(dataset_id: str, unique: str) -> str:
    """The prefix of the objects that an import makes; its manifest has the same `unique`."""
    return f"{dataset_prefix(dataset_id)}objects/{unique}/"


def first_manifest_key(object_key: str) -> str | None:
    """The first manifest that named the object: that of version 1, published by the import that made the object.

    It is kept as long as the dataset. None if the key is not that of a dataset's object.
    """
    found = _OBJECT.match(object_key)
    return manifest_key(found["dataset_id"], 1, found["unique"]) if found else None


@dataclass(kw_only=True)
class ManifestTotals:
    """Totals, counted while a manifest is written."""

    files: int = 0
    size_bytes: int = 0
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, rows: pa.Table) -> None:
        """Count some rows."""
        self.files += rows.num_rows
        self.size_bytes += pc.sum(rows["size_bytes"]).as_py() or 0
        for label, files in occurrences(pc.list_flatten(rows["labels"])).items():
            self.labels[label] = self.labels.get(label, 0) + files


def write_rows(storage: Storage, key: str, schema: pa.Schema, rows: Iterable[pa.Table]) -> None:
    """Write tables as one Parquet object, a row group each; it is published as a whole or not at all."""
    with (
        ObjectWriter(storage, key) as sink,
        # Parquet's signature wants a file, but it uses only what an ObjectWriter has.
        pq.ParquetWriter(
            cast(IO[bytes], sink),
            schema,
            compression="zstd",
            write_batch_size=VALUES_AT_ONCE,
            use_dictionary=cast(bool, REPEATING),  # column names work too, whatever its types say
        ) as writer,
    ):
        for table in rows:
            if table.num_rows:
                writer.write_table(table.cast(schema), row_group_size=max(1, table.num_rows))


def write_manifest(storage: Storage, key: str, rows: Iterable[pa.Table]) -> ManifestTotals:
    """Write sorted rows as a manifest and count them."""
    totals = ManifestTotals()
    write_counted(storage, key, regroup(rows), totals)
    return totals


def write_counted(storage: Storage, key: str, groups: Iterable[pa.Table], totals: ManifestTotals) -> None:
    """Write sorted rows as a manifest, a row group for each table, and add them to the totals."""

    def counted() -> Iterator[pa.Table]:
        for table in groups:
            totals.add(table)
            yield table

    write_rows(storage, key, SCHEMA, counted())


def regroup(rows: Iterable[pa.Table], size: int = ROW_GROUP) -> Iterator[pa.Table]:
    """The same rows in tables of `size` rows each, the last one smaller."""
    buffered: list[pa.Table] = []
    count = 0
    for table in rows:
        buffered.append(table)
        count += table.num_rows
        if count >= size:
            joined = pa.concat_tables(buffered)
            full = count - count % size
            for start in range(0, full, size):
                yield joined.slice(start, size).combine_chunks()
            buffered, count = [joined.slice(full)], count - full
    if count:
        yield pa.concat_tables(buffered).combine_chunks()


@contextmanager
def open_rows(storage: Storage, key: str) -> Iterator[pq.ParquetFile]:
    """A Parquet object of the storage, opened for reading row groups. Raises: ObjectMissing."""
    with ObjectReader(storage, key) as source, pq.ParquetFile(cast(IO[bytes], source)) as file:
        yield file


def read_rows(storage: Storage, key: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet object, one row group at a time."""
    with open_rows(storage, key) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def merge_sorted(streams: Iterable[Iterator[pa.Table]], by: str = "path") -> Iterator[pa.Table]:
    """Merge streams of tables, each sorted by `by`, into one sorted stream; equal values are adjacent.

    Holds about two tables of each stream. Many streams are merged a few at a time, because each round reads from every
    stream of its merge, and there are as many rounds as tables.
    """
    level = list(streams)
    while len(level) > MERGED_AT_ONCE:
        level = [
            _merge(level[start : start + MERGED_AT_ONCE], by)
            for start in range(0, len(level), MERGED_AT_ONCE)
        ]
    return _merge(level, by)


def _merge(streams: Iterable[Iterator[pa.Table]], by: str) -> Iterator[pa.Table]:
    """In every round, all rows up to the smallest of the streams' last values are complete: they are sorted
    together and yielded."""
    heads: list[tuple[pa.Table, Iterator[pa.Table]]] = [
        (table, stream) for stream in streams if (table := _next(stream)) is not None
    ]
    while heads:
        limit = min(table[by][-1].as_py().encode() for table, _ in heads).decode()
        ready: list[pa.Table] = []
        waiting: list[tuple[pa.Table, Iterator[pa.Table]]] = []
        for table, stream in heads:
            upto = true_count(pc.less_equal(table[by], pa.scalar(limit)))
            ready.append(table.slice(0, upto))
            rest = table.slice(upto) if upto < table.num_rows else _next(stream)
            if rest is not None:
                waiting.append((rest, stream))
        heads = waiting
        joined = pa.concat_tables(ready)
        yield joined if len(ready) == 1 else joined.sort_by(by)


def _next(stream: Iterator[pa.Table]) -> pa.Table | None:
    return next((table for table in stream if table.num_rows), None)


def group_bounds(file: pq.ParquetFile, column: str = "path") -> list[tuple[Any, Any]]:
    """The least and greatest value of a column in each row group, from the file's statistics."""
    index = file.schema_arrow.get_field_index(column)
    bounds = []
    for group in range(file.num_row_groups):
        statistics = file.metadata.row_group(group).column(index).statistics
        assert statistics is not None, "every writer of this package writes them"
        bounds.append((statistics.min, statistics.max))
    return bounds
