"""Read a run of neighbouring zip entries once, in large reads, verifying every byte of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.inflate import LargeEntry, inflate
from datacenter.archives.limits import MIB, Limits
from datacenter.archives.member import Member
from datacenter.archives.source import Source, read_exactly
from datacenter.archives.zip_local import FLAGS_THAT_MUST_AGREE, Row, check_end, check_second_name, data_start
from datacenter.archives.zip_records import FLAG_DESCRIPTOR, LOCAL, LOCAL_BYTES, LOCAL_SIGNATURE, STORED

_ROWS_AT_ONCE = 4096


def read_zip_span(
    source: Source,
    entries: pa.Table,
    limits: Limits,
    *,
    read_bytes: int = 8 * MIB,
    large_bytes: int = 16 * MIB,
) -> Iterator[Member]:
    """Yield the files of a slice of `ZipIndex.entries`, in order; directories are checked and left out.

    A member up to `large_bytes` comes whole and verified; its memoryview keeps one read of the archive alive.
    A larger one comes in chunks. Holds one read and one member at a time.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS, CORRUPT, TOO_LARGE or BAD_NAME.
    """
    largest = pc.max(entries["size_bytes"]).as_py() or 0
    if largest > limits.entry_bytes:
        raise ArchiveRejected("TOO_LARGE", f"a file is larger than {limits.entry_bytes} bytes; split it")
    ordered = entries.select(list(Row._fields))
    for first in range(0, entries.num_rows, _ROWS_AT_ONCE):
        rows = ordered.slice(first, _ROWS_AT_ONCE)
        starts, ends = rows["header_offset"].to_numpy(), rows["end_offset"].to_numpy()
        is_large = np.maximum(rows["size_bytes"].to_numpy(), rows["compressed_size"].to_numpy()) > large_bytes
        for begin, stop in _reads(starts, ends, is_large, read_bytes):
            if is_large[begin]:
                large = LargeEntry(source, _row(rows, begin), read_bytes=read_bytes)
                yield from _large_member(first + begin, large)
            else:
                window = read_exactly(source, int(starts[begin]), int(ends[stop - 1] - starts[begin]))
                yield from _members(window, rows.slice(begin, stop - begin), first + begin)


def _reads(
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    is_large: npt.NDArray[np.bool_],
    read_bytes: int,
) -> Iterator[tuple[int, int]]:
    """Cut rows into runs that fit one read, at least one row each; large ones stand alone."""
    borders = [*np.flatnonzero(is_large).tolist(), len(starts)]
    begin = 0
    for border in borders:
        while begin < border:
            stop = int(np.searchsorted(ends, starts[begin] + read_bytes, "right"))
            stop = min(max(stop, begin + 1), border)
            yield begin, stop
            begin = stop
        if border < len(starts):
            yield border, border + 1
            begin = border + 1


def _members(window: bytes, rows: pa.Table, index: int) -> Iterator[Member]:
    """All files in one window. This runs for every file of every import: what can be is checked for all at once."""
    columns: list[list[Any]] = [column.to_pylist() for column in rows.columns]
    base = columns[2][0]
    plain, data_starts, has_extra = _plain_headers(window, rows)
    view = memoryview(window)
    crc32 = isal_zlib.crc32
    for values, is_plain, start, extra_bytes in zip(
        zip(*columns, strict=True), plain, data_starts, has_extra, strict=True
    ):
        path, raw_name, offset, end, compressed_size, size, crc, method, _, is_directory = values
        offset -= base
        if not (is_plain and window.startswith(raw_name, offset + LOCAL_BYTES)):
            row = Row._make(values)
            start = offset + data_start(view[offset : end - base], row)
            if start + compressed_size > end - base:
                raise ArchiveRejected(
                    "OVERLAP", "an entry shares its bytes with another; pack it again", raw_name
                )
            check_end(view[start + compressed_size : end - base], row)
        elif extra_bytes:
            check_second_name(window[start - extra_bytes : start], Row._make(values))
        data: bytes | memoryview = view[start : start + compressed_size]
        if method != STORED:
            data = inflate(data, size, raw_name)
        if crc32(data) != crc:
            raise ArchiveRejected(
                "CORRUPT", "a file does not match its checksum; upload the archive again", raw_name
            )
        if not is_directory:
            yield Member(index, path, size, crc, data, None)
        index += 1


def _plain_headers(window: bytes, rows: pa.Table) -> tuple[list[bool], list[int], list[int]]:
    """Which entries have a header that repeats its row and nothing after their bytes; where those start; their extras.

    Names are left to the caller; entries that are not plain may still be good, they are looked at one by one.
    """
    offsets = rows["header_offset"].to_numpy()
    relative = offsets - offsets[0]
    if len(window) < LOCAL_BYTES or relative[-1] + LOCAL_BYTES > len(window):
        return [False] * len(relative), [0] * len(relative), [0] * len(relative)
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(window, np.uint8), LOCAL_BYTES)
    headers = windows[relative].view(LOCAL).reshape(-1)
    flags = rows["flags"].to_numpy()
    starts = relative + LOCAL_BYTES + headers["name_bytes"] + headers["extra_bytes"]
    plain = (
        (headers["signature"] == LOCAL_SIGNATURE)
        & (((headers["flags"] ^ flags) & FLAGS_THAT_MUST_AGREE) == 0)
        & ((flags & FLAG_DESCRIPTOR) == 0)
        & (headers["method"] == rows["method"].to_numpy())
        & (headers["crc32"] == rows["crc32"].to_numpy())
        & (headers["size"] == rows["size_bytes"].to_numpy())
        & (headers["compressed_size"] == rows["compressed_size"].to_numpy())
        & (headers["name_bytes"] == pc.binary_length(rows["raw_name"]).to_numpy())
        & (starts + rows["compressed_size"].to_numpy() == rows["end_offset"].to_numpy() - offsets[0])
    )
    return plain.tolist(), starts.tolist(), headers["extra_bytes"].tolist()


def _row(rows: pa.Table, index: int) -> Row:
    return Row._make(column[index].as_py() for column in rows.columns)


def _large_member(index: int, large: LargeEntry) -> Iterator[Member]:
    row = large.row
    if row.is_directory:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "a directory has content; pack the archive again", row.raw_name
        )
    yield Member(index, row.path, row.size_bytes, row.crc32, None, large)
    for _ in large:  # what the caller left is verified all the same
        pass
