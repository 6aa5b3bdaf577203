"""Read a run of neighbouring zip entries once, in large reads, and verify every byte."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip_lib, isal_zlib

from datacenter.archives.byte_feed import slices
from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits
from datacenter.archives.member import Member
from datacenter.archives.source import ByteSource, read_exactly
from datacenter.archives.zip.local import (
    FLAGS_THAT_MUST_AGREE,
    MAX_HEADER,
    Row,
    check_end,
    check_second_name,
    data_start,
)
from datacenter.archives.zip.records import FLAG_DESCRIPTOR, LOCAL, LOCAL_BYTES, LOCAL_SIGNATURE, STORED

_RAW_DEFLATE = -15
_BadDeflate: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stubs declare an instance


def inflate(data: bytes | memoryview, size: int, raw_name: bytes) -> bytes:
    """The whole content of a small entry; at most one byte more than declared is unpacked.

    Raises:
        ArchiveRejected: CORRUPT, TOO_LARGE or ZIP_AMBIGUOUS (bytes after the end of the deflate stream).
    """
    decompressor = isal_zlib.decompressobj(_RAW_DEFLATE)
    try:
        content: bytes = decompressor.decompress(data, size + 1)
    except _BadDeflate as error:
        raise _corrupt(raw_name) from error
    if len(content) == size and decompressor.eof and not decompressor.unused_data:
        return content
    if len(content) > size:
        raise _too_large(size, raw_name)
    if not decompressor.eof or len(content) < size:
        raise _corrupt(raw_name)
    raise _bytes_after(raw_name)


class LargeEntry(Iterator[bytes]):
    """The content of a large entry in chunks of at most 1 MiB (stored: one read each); verified when it is exhausted."""

    def __init__(self, source: ByteSource, row: Row, *, read_bytes: int) -> None:
        self.row = row
        self.crc32 = 0
        self._chunks = self._verified(source, read_bytes)

    def __next__(self) -> bytes:
        return next(self._chunks)

    def _verified(self, source: ByteSource, read_bytes: int) -> Iterator[bytes]:
        row = self.row
        extent = row.end_offset - row.header_offset
        head = read_exactly(source, row.header_offset, min(extent, MAX_HEADER))
        start = row.header_offset + data_start(head, row)
        stop = start + row.compressed_size
        if stop > row.end_offset:
            raise ArchiveRejected(
                "OVERLAP", "an entry shares its bytes with another; pack it again", row.raw_name
            )
        packed = _ranges(source, start, stop, read_bytes)
        made = 0
        for chunk in packed if row.method == STORED else _inflated(packed, row):
            made += len(chunk)
            if made > row.size_bytes:
                raise _too_large(row.size_bytes, row.raw_name)
            self.crc32 = isal_zlib.crc32(chunk, self.crc32)
            yield chunk
        if made != row.size_bytes or self.crc32 != row.crc32:
            raise _corrupt(row.raw_name)
        check_end(read_exactly(source, stop, row.end_offset - stop), row)


def _ranges(source: ByteSource, start: int, stop: int, read_bytes: int) -> Iterator[bytes]:
    for offset in range(start, stop, read_bytes):
        yield read_exactly(source, offset, min(read_bytes, stop - offset))


def _inflated(packed: Iterator[bytes], row: Row) -> Iterator[bytes]:
    decompressor = isal_zlib.decompressobj(_RAW_DEFLATE)
    for data in slices(packed):
        rest = data
        while rest and not decompressor.eof:
            try:
                yield decompressor.decompress(rest, MIB)
            except _BadDeflate as error:
                raise _corrupt(row.raw_name) from error
            rest = decompressor.unconsumed_tail
        if decompressor.unused_data or (decompressor.eof and rest):
            raise _bytes_after(row.raw_name)
    while not decompressor.eof:
        chunk = decompressor.decompress(b"", MIB)
        if not chunk:
            raise _corrupt(row.raw_name)
        yield chunk
    # No data is left if the stream ends exactly at the end of a read; more reads would have raised above.


def _corrupt(raw_name: bytes) -> ArchiveRejected:
    return ArchiveRejected(
        "CORRUPT", "a file does not match its checksum; upload the archive again", raw_name
    )


def _too_large(size: int, raw_name: bytes) -> ArchiveRejected:
    detail = f"a file is larger than the {size} bytes it declares; pack the archive again"
    return ArchiveRejected("TOO_LARGE", detail, raw_name)


def _bytes_after(raw_name: bytes) -> ArchiveRejected:
    detail = "there is data between the end of a file and the next; pack the archive again"
    return ArchiveRejected("ZIP_AMBIGUOUS", detail, raw_name)


_ROWS_AT_ONCE = 4096


def read_zip_span(
    source: ByteSource,
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
    """Cut rows into runs that fit one read, at least one row each; a large entry is a run of its own."""
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
    """All files in one window. This runs for every file of every import, so headers are checked for all at once."""
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
    """For each entry: whether it is plain, where its bytes start, and the length of its extra fields.

    Plain: the header repeats its row, and nothing follows the bytes. The caller checks the names, and checks entries
    that are not plain, but may still be good, one by one.
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
    for _ in large:  # verify what the caller did not read
        pass
