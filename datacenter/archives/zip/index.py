"""The index of a zip: every entry with its position, checked to be safe to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.errors import ArchiveRejected, escaped_name
from datacenter.archives.limits import Limits
from datacenter.archives.name_collisions import NameCollisions
from datacenter.archives.name_encoding import decode_names
from datacenter.archives.names import safe_paths
from datacenter.archives.source import ByteSource
from datacenter.archives.zip.directory import DirectoryBatch, read_directory
from datacenter.archives.zip.end import ZipEnd, read_zip_end
from datacenter.archives.zip.records import FLAG_UTF8
from datacenter.archives.zip.rules import check_directories, check_entries, check_extents

_COLUMNS: dict[str, pa.DataType] = {
    "path": pa.string(),
    "raw_name": pa.binary(),
    "header_offset": pa.int64(),
    "end_offset": pa.int64(),
    "compressed_size": pa.int64(),
    "size_bytes": pa.int64(),
    "crc32": pa.uint32(),
    "method": pa.uint16(),
    "flags": pa.uint16(),
    "is_directory": pa.bool_(),
}
ENTRY_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipIndex:
    """The entries of the central directory, checked against each other.

    `entries` has `ENTRY_SCHEMA`, in the order of the bytes in the archive, directories included so that every
    byte belongs to an entry: row i ends where row i + 1 starts. Local headers are checked when a span is read.
    """

    entries: pa.Table
    files: int
    size_bytes: int
    warnings: list[str]


def read_zip_index(source: ByteSource, limits: Limits, *, name_encoding: str | None = None) -> ZipIndex:
    """Read and check the central directory; about 250 bytes of memory an entry, no file content is read.

    Raises:
        ArchiveRejected: with any code.
    """
    end = read_zip_end(source)
    _check_end(end, limits)
    batches = []
    for batch in read_directory(source, end):
        check_entries(batch, limits)
        batches.append(batch)
    paths = _paths(batches, limits, name_encoding)
    entries = _in_archive_order(_table(batches, paths), end.directory_offset)
    collisions = NameCollisions(limits)
    for chunk in entries["path"].chunks:
        collisions.add(cast(pa.StringArray, chunk))
    total = int(cast(int, pc.sum(entries["size_bytes"]).as_py() or 0))
    if total > limits.total_bytes:
        raise ArchiveRejected(
            "TOO_LARGE", f"the files take more than {limits.total_bytes} bytes; split the archive"
        )
    files = entries.num_rows - (pc.sum(entries["is_directory"]).as_py() or 0)
    return ZipIndex(
        entries=entries,
        files=files,
        size_bytes=total,
        warnings=collisions.check() + _ratio_warnings(entries, limits),
    )


def _check_end(end: ZipEnd, limits: Limits) -> None:
    if end.entries > limits.entries:
        raise ArchiveRejected(
            "TOO_MANY", f"the archive has {end.entries} entries, {limits.entries} are allowed; split it"
        )
    if end.directory_bytes > limits.index_bytes:
        raise ArchiveRejected(
            "TOO_LARGE",
            f"the directory of the zip takes more than {limits.index_bytes} bytes; split the archive",
        )


def _paths(
    batches: Sequence[DirectoryBatch], limits: Limits, name_encoding: str | None
) -> list[pa.StringArray]:
    marks = [pa.array((batch.records["flags"] & FLAG_UTF8) != 0) for batch in batches]
    decoded = decode_names([batch.names for batch in batches], marks, name_encoding)
    paths = []
    for batch, names in zip(batches, decoded, strict=True):
        for row, second in batch.unicode_paths.items():
            if names[row].as_py().encode() != second:
                raise ArchiveRejected(
                    "BAD_NAME",
                    "an entry has two different names; pack the archive again",
                    batch.names[row].as_py(),
                )
        safe = safe_paths(names, limits)
        check_directories(batch, _is_directory(safe).to_numpy(zero_copy_only=False))
        paths.append(safe)
    return paths


def _is_directory(paths: pa.StringArray) -> pa.BooleanArray:
    # The root, `./`, is the empty path.
    return pc.or_(pc.ends_with(paths, "/"), pc.equal(paths, pa.scalar("")))


def _table(batches: list[DirectoryBatch], paths: list[pa.StringArray]) -> pa.Table:
    """One record batch per directory batch; each is freed as soon as its columns are taken."""
    made = []
    for path in paths:
        batch = batches.pop(0)
        made.append(
            pa.record_batch(
                [
                    path,
                    batch.names,
                    batch.offsets,
                    np.zeros(len(path), np.int64),
                    batch.compressed_sizes,
                    batch.sizes,
                    np.ascontiguousarray(batch.records["crc32"]),
                    np.ascontiguousarray(batch.records["method"]),
                    np.ascontiguousarray(batch.records["flags"]),
                    _is_directory(path),
                ],
                schema=ENTRY_SCHEMA,
            )
        )
    return pa.Table.from_batches(made, ENTRY_SCHEMA)


def _in_archive_order(table: pa.Table, directory_offset: int) -> pa.Table:
    offsets = table["header_offset"].to_numpy()
    if (np.diff(offsets) < 0).any():
        order = np.argsort(offsets, kind="stable")
        table, offsets = table.take(order), offsets[order]
    ends: npt.NDArray[np.int64] = np.append(offsets[1:], np.int64(directory_offset))[: len(offsets)]
    names = table["raw_name"]
    check_extents(
        offsets,
        ends,
        table["compressed_size"].to_numpy(),
        names,
        pc.binary_length(names).to_numpy().astype(np.int64),
        directory_offset,
    )
    return table.set_column(
        table.schema.get_field_index("end_offset"), ENTRY_SCHEMA.field("end_offset"), pa.array(ends)
    )


def _ratio_warnings(entries: pa.Table, limits: Limits) -> list[str]:
    sizes, compressed = entries["size_bytes"].to_numpy(), entries["compressed_size"].to_numpy()
    high = (sizes > limits.ratio_from_bytes) & (sizes > compressed * limits.ratio_warning)
    if not high.any():
        return []
    example = escaped_name(entries["path"][int(np.argmax(high))].as_py())
    return [
        f"files more than {limits.ratio_warning} times larger than packed: {int(high.sum())}, such as {example}"
    ]
