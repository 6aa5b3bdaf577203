"""Deflate the members of a zip before it is laid out, because their sizes are known only afterwards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from isal import isal_zlib

from datacenter.archives.crc import crc32
from datacenter.datasets.archives.members import GROUP_ROWS, SCHEMA, SIDECARS
from datacenter.datasets.manifest import open_rows, read_rows, regroup, write_rows
from datacenter.datasets.models import Archive
from datacenter.ledger.leases import Totals
from datacenter.storages.object_file import ObjectWriter
from jobs.contract import JobContext, Plan
from jobs.shard_specs import shard
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import ByteRange, Storage

DEFLATED = 8
LEVEL = 1
RAW = -15
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class DeflateSpan:
    """Members `first` to `last` (exclusive) of the plain member table, deflated into object number `span`."""

    kind: Literal["deflate_span"] = "deflate_span"
    span: int
    first: int
    last: int


def plain_key(archive: Archive) -> str:
    """The member table before deflating."""
    return f"{archive.prefix}plain.parquet"


def deflated_prefix(archive: Archive) -> str:
    """The deflated members; not needed any more once the archive is ready."""
    return f"{archive.prefix}deflated/"


def plan_spans(job: JobContext, archive: Archive) -> Plan:
    """Cut the members into spans of about one part each, by their plain sizes."""
    storage = job.resources.storages.open(archive.storage)
    with open_rows(storage, plain_key(archive)) as file:
        sizes = file.read(columns=["size_bytes"])["size_bytes"].to_numpy()
    spans = _spans(sizes, job.resources.settings.shards.part_bytes, job.resources.settings.shards.files)
    shards = [
        shard(DeflateSpan(span=number, first=first, last=last)) for number, (first, last) in enumerate(spans)
    ]
    # Files count when they are written into the archive; only then are its bytes known.
    totals = Totals(files=len(sizes) - SIDECARS, size_bytes=None)
    return Plan(shards=shards, totals=totals, phase="compressing")


def deflate_span(job: JobContext, archive: Archive, spec: DeflateSpan) -> dict[str, Any]:
    """Deflate members into one object, and write their rows of the member table as a fragment."""
    storage = job.resources.storages.open(archive.storage)
    key = f"{deflated_prefix(archive)}{spec.span:06d}"
    with open_rows(storage, plain_key(archive)) as file:
        rows = _slice(file, spec.first, spec.last).to_pylist()
    with ObjectWriter(storage, key) as sink:
        for row in rows:
            offset = sink.tell()
            for piece in _deflated(job, row):
                sink.write(piece)
            row |= {
                "stored_size": sink.tell() - offset,
                "method": DEFLATED,
                "storage": archive.storage,
                "key": key,
                "offset": offset,
            }
    write_rows(storage, f"{key}.parquet", SCHEMA, [pa.Table.from_pylist(rows, schema=SCHEMA)])
    return {"fragment": f"{key}.parquet"}


def join_members(job: JobContext, archive: Archive, results: Iterable[dict[str, Any]]) -> None:
    """Write the member table from which the deflated archive is laid out."""
    storage = job.resources.storages.open(archive.storage)

    def tables() -> Iterator[pa.Table]:
        for result in results:
            job.check()
            yield from read_rows(storage, result["fragment"])

    write_rows(storage, archive.members_key, SCHEMA, regroup(tables(), GROUP_ROWS))


def _deflated(job: JobContext, row: dict[str, Any]) -> Iterator[bytes]:
    storage: Storage = job.resources.storages.open(row["storage"])
    stop = row["offset"] + row["stored_size"]
    ranges = (
        ByteRange(key=row["key"], offset=start, length=min(READ_BYTES, stop - start))
        for start in range(row["offset"], stop, READ_BYTES)
    )
    compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW)
    value = 0
    for data in storage.read_ranges(ranges):
        job.check()
        value = crc32(data, value)
        yield compressor.compress(data)
    if value != row["crc32"]:
        raise ObjectChanged(f"the bytes of {row['path']!r} changed after the import", key=row["key"])
    yield compressor.flush()


def _spans(sizes: Any, max_bytes: int, max_files: int) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        before = int(ends[first - 1]) if first else 0
        by_bytes = int(np.searchsorted(ends, before + max_bytes, "right"))
        last = min(len(sizes), first + max_files, max(by_bytes, first + 1))
        yield first, last
        first = last


def _slice(file: Any, first: int, last: int) -> pa.Table:
    """Rows [first, last) of a member table, reading only the row groups that hold them."""
    tables, start = [], 0
    for group in range(file.num_row_groups):
        stop = start + file.metadata.row_group(group).num_rows
        if start < last and stop > first:
            table = file.read_row_group(group)
            tables.append(table.slice(max(0, first - start), min(last, stop) - max(first, start)))
        start = stop
    return pa.concat_tables(tables)
