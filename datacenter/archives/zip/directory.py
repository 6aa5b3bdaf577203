"""Read a zip's central directory in bounded pieces, thousands of records at once."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numpy.lib.recfunctions import repack_fields

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.source import ByteSource, read_exactly
from datacenter.archives.zip.end import ZipEnd
from datacenter.archives.zip.extra import Zip64Needs, unicode_path, zip64_values
from datacenter.archives.zip.records import CENTRAL, CENTRAL_BYTES, CENTRAL_SIGNATURE, U16, U32

_READ_BYTES = 4 * 1024**2
_LENGTHS = struct.Struct("<HHH")
_UNICODE_PATH_MARK = b"up"


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectoryBatch:
    """Records in the order of the directory, with zip64 values filled in."""

    records: npt.NDArray[np.void]
    """Fields flags, method, crc32 and external."""
    names: pa.BinaryArray
    sizes: npt.NDArray[np.int64]
    compressed_sizes: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    unicode_paths: dict[int, bytes]
    """By row: the second name that a Unicode-path extra field gives the entry."""


def read_directory(source: ByteSource, end: ZipEnd) -> Iterator[DirectoryBatch]:
    """Exactly as many records as the end record counts.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS or CORRUPT.
    """
    position, left, entries = end.directory_offset, end.directory_bytes, 0
    rest = b""
    while left:
        taken = min(left, _READ_BYTES)
        data = rest + read_exactly(source, position, taken)
        position, left = position + taken, left - taken
        starts, used = _record_starts(data)
        if starts:
            batch = _batch(data, starts)
            entries += len(starts)
            yield batch
        rest = data[used:]
    if rest:
        _reject_signature(rest)
    if entries != end.entries:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS",
            f"the end of the zip counts {end.entries} entries, its directory {entries}; pack it again",
        )


def _record_starts(data: bytes) -> tuple[list[int], int]:
    """Where complete records start, and where the first incomplete one starts."""
    starts: list[int] = []
    add, lengths = starts.append, _LENGTHS.unpack_from
    position, last = 0, len(data) - CENTRAL_BYTES
    while position <= last:
        name, extra, comment = lengths(data, position + 28)
        following = position + CENTRAL_BYTES + name + extra + comment
        if following > len(data):
            break
        add(position)
        position = following
    return starts, position


def _batch(data: bytes, starts: list[int]) -> DirectoryBatch:
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), CENTRAL_BYTES)
    records = windows[np.array(starts)].view(CENTRAL).reshape(-1)
    wrong = np.flatnonzero(records["signature"] != CENTRAL_SIGNATURE)
    if len(wrong):
        _reject_signature(data[starts[wrong[0]] :])
    if records["disk"][records["disk"] != U16].any():
        raise ArchiveRejected("UNSUPPORTED", "the archive is split over several disks; pack it as one file")
    columns = {name: records[name].astype(np.int64) for name in ("size", "compressed_size", "offset")}
    unicode_paths = _read_extras(data, starts, records, columns)
    return DirectoryBatch(
        records=repack_fields(records[["flags", "method", "crc32", "external"]]),
        names=_names(data, starts, records),
        sizes=columns["size"],
        compressed_sizes=columns["compressed_size"],
        offsets=columns["offset"],
        unicode_paths=unicode_paths,
    )


def _names(data: bytes, starts: list[int], records: npt.NDArray[np.void]) -> pa.BinaryArray:
    lengths = records["name_bytes"]
    joined = b"".join(
        [
            data[start + CENTRAL_BYTES : start + CENTRAL_BYTES + n]
            for start, n in zip(starts, lengths.tolist(), strict=True)
        ]
    )
    offsets = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(joined)]
    array = pa.Array.from_buffers(pa.binary(), len(starts), buffers)
    assert isinstance(array, pa.BinaryArray)
    return array


def _read_extras(
    data: bytes, starts: list[int], records: npt.NDArray[np.void], columns: dict[str, npt.NDArray[np.int64]]
) -> dict[int, bytes]:
    """Fill zip64 values into the columns and return the Unicode paths; most entries need neither."""
    needs_zip64 = (
        (records["size"] == U32)
        | (records["compressed_size"] == U32)
        | (records["offset"] == U32)
        | (records["disk"] == U16)
    )
    has_extra = records["extra_bytes"] > 0
    if not (needs_zip64.any() or has_extra.any()):
        return {}
    extra_starts = np.array(starts) + CENTRAL_BYTES + records["name_bytes"]
    extra_ends = extra_starts + records["extra_bytes"]
    rows = np.flatnonzero(needs_zip64 | has_extra)
    unicode_paths: dict[int, bytes] = {}
    zip64_rows = needs_zip64[rows].tolist()
    for row, start, stop, is_zip64 in zip(
        rows.tolist(), extra_starts[rows].tolist(), extra_ends[rows].tolist(), zip64_rows, strict=True
    ):
        extra = data[start:stop]
        if is_zip64:
            _fill_zip64(extra, row, records, columns)
        if _UNICODE_PATH_MARK in extra:
            second = unicode_path(extra)
            if second is not None:
                unicode_paths[row] = second
    return unicode_paths


def _fill_zip64(
    extra: bytes, row: int, records: npt.NDArray[np.void], columns: dict[str, npt.NDArray[np.int64]]
) -> None:
    needs = Zip64Needs(
        size=int(records["size"][row]),
        compressed_size=int(records["compressed_size"][row]),
        offset=int(records["offset"][row]),
        disk=int(records["disk"][row]),
    )
    size, compressed_size, offset = zip64_values(extra, needs)
    columns["size"][row], columns["compressed_size"][row], columns["offset"][row] = (
        size,
        compressed_size,
        offset,
    )


def _reject_signature(data: bytes) -> None:
    if data[:2] == b"PK" and data[:4] != CENTRAL_SIGNATURE.to_bytes(4, "little"):
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "the directory of the zip holds data other than entries; pack it again"
        )
    if data[:4] == CENTRAL_SIGNATURE.to_bytes(4, "little"):
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "the last entry of the directory reaches beyond it; pack the archive again"
        )
    raise ArchiveRejected("CORRUPT", "the directory of the zip is damaged; upload it again")
