"""Staging: the keys of an import, for its files between the steps and for the objects it stores."""

import mimetypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datacenter.datasets.manifest import SCHEMA, manifest_key, objects_prefix, write_rows
from datacenter.datasets.models import dataset_prefix
from storage_adapters.object_storage.contract import ByteRange, Storage

FOLDER_FILES = 1_000
GROUP_ROWS = 1_024
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


@dataclass(frozen=True, kw_only=True)
class ImportStaging:
    """The keys of one import job. They depend only on the job and on numbers, so a repeated shard overwrites itself.

    An import that is retried after its undo has another `generation`, and so other keys: a late undo of the first
    generation cannot remove them.
    """

    storage: Storage
    dataset_id: str
    job_id: str
    generation: int

    @property
    def unique(self) -> str:
        """A name that no other job, and no other generation of this job, has."""
        return f"{self.job_id[-12:]}-{self.generation}"

    @property
    def prefix(self) -> str:
        """The prefix of plan and fragments; swept once the version is published."""
        return f"{dataset_prefix(self.dataset_id)}staging/{self.unique}/"

    @property
    def objects_prefix(self) -> str:
        """The prefix of the objects that this import makes, and of no others."""
        return objects_prefix(self.dataset_id, self.unique)

    @property
    def manifest_key(self) -> str:
        """The key of the first version's manifest."""
        return manifest_key(self.dataset_id, 1, self.unique)

    def plan_key_of(self, attempt: int) -> str:
        """The key of an attempt's plan. Each attempt has its own, as two attempts may find different objects: shards
        name the plan they follow, and a planner that lost its lease and wakes up late overwrites nothing valid."""
        return f"{self.prefix}plan-{attempt:06d}.parquet"

    def fragment_key(self, number: int, piece: int = 0) -> str:
        return f"{self.prefix}fragment-{number:06d}-{piece:06d}.parquet"

    def object_key(self, number: int, path: str) -> str:
        """Opaque, so that no name from an archive becomes part of a key; the suffix is for people."""
        folder = number // FOLDER_FILES
        return f"{self.objects_prefix}{folder:06d}/{number:09d}{suffix(path)}"

    def parts_prefix(self, number: int, attempt: int) -> str:
        """The prefix of the parts of a table that one attempt at a partition writes."""
        return f"{self.objects_prefix}{number:06d}-{attempt:06d}/"

    def part_key(self, number: int, attempt: int, piece: int) -> str:
        return f"{self.parts_prefix(number, attempt)}{piece:06d}.parquet"

    def write_fragment(self, key: str, rows: pa.Table) -> None:
        """Write manifest rows, sorted by path, for the finish to merge: in groups so small that it can hold one of each
        fragment."""
        ordered = rows.sort_by("path")
        starts = range(0, ordered.num_rows, GROUP_ROWS)
        write_rows(self.storage, key, SCHEMA, (ordered.slice(start, GROUP_ROWS) for start in starts))

    def read_fragment(self, key: str) -> Iterator[pa.Table]:
        """The rows of a fragment, a group at a time; its bytes are read at once, because they are few when compressed."""
        with pq.ParquetFile(pa.BufferReader(self._read(key))) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)

    def _read(self, key: str) -> bytes:
        length = self.storage.stat(key).size_bytes
        return b"".join(self.storage.read_ranges([ByteRange(key=key, offset=0, length=length)]))


def manifest_rows(
    *, paths: Any, sizes: Any, crcs: Any, labels: Any, annotations: Any, keys: Iterable[str]
) -> pa.Table:
    """Manifest rows of files that are one object each."""
    names = paths.to_pylist() if hasattr(paths, "to_pylist") else paths
    rows = len(names)
    columns = {
        "path": paths,
        "size_bytes": sizes,
        "crc32": crcs,
        "media_type": [media_type(suffix(name).lower()) for name in names],
        "labels": labels,
        "annotation": annotations,
        "key": list(keys),
        "offset": np.zeros(rows, np.int64),
        "length": sizes,
        "compression": pa.nulls(rows, pa.string()),
    }
    return pa.table(columns, schema=SCHEMA)


def suffix(path: str) -> str:
    """The path's file name suffix if it is a plain one, else an empty text."""
    found = SUFFIX.search(path)
    return found.group() if found else ""


@lru_cache(maxsize=4096)
def media_type(name_suffix: str) -> str:
    """The media type of a file name suffix."""
    return mimetypes.guess_type(f"file{name_suffix}")[0] or "application/octet-stream"
