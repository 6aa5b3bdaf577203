"""Undo deflate without ever making much more than was declared."""

from collections.abc import Iterator

from isal import igzip_lib, isal_zlib

from datacenter.archives.byte_feed import slices
from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB
from datacenter.archives.source import Source, read_exactly
from datacenter.archives.zip_local import LONGEST_HEADER, Row, check_end, data_start
from datacenter.archives.zip_records import STORED

_RAW_DEFLATE = -15
_BadDeflate: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stubs declare an instance


def inflate(data: bytes | memoryview, size: int, raw_name: bytes) -> bytes:
    """The whole content of a small entry; one byte more than declared is never kept.

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
    """The content of a large entry in chunks of at most 1 MiB (stored: one read); verified when it is exhausted."""

    def __init__(self, source: Source, row: Row, *, read_bytes: int) -> None:
        self.row = row
        self.crc32 = 0
        self._chunks = self._verified(source, read_bytes)

    def __next__(self) -> bytes:
        return next(self._chunks)

    def _verified(self, source: Source, read_bytes: int) -> Iterator[bytes]:
        row = self.row
        extent = row.end_offset - row.header_offset
        head = read_exactly(source, row.header_offset, min(extent, LONGEST_HEADER))
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


def _ranges(source: Source, start: int, stop: int, read_bytes: int) -> Iterator[bytes]:
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
    # A stream that ends exactly at a read leaves nothing behind it; more reads would have raised above.


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
