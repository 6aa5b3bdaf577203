"""Check that the local header and the data descriptor of an entry agree with the central directory."""

import struct
from typing import NamedTuple

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.zip.extra import extra_field, unicode_path
from datacenter.archives.zip.records import (
    DESCRIPTOR_SIGNATURE,
    FLAG_DESCRIPTOR,
    FLAG_PATCH,
    FLAG_UTF8,
    FLAGS_OF_ENCRYPTION,
    LOCAL_BYTES,
    LOCAL_SIGNATURE,
    LOCAL_STRUCT,
    U16,
    U32,
    ZIP64_EXTRA,
)

# Other flags only show the level of compression.
FLAGS_THAT_MUST_AGREE = FLAGS_OF_ENCRYPTION | FLAG_DESCRIPTOR | FLAG_PATCH | FLAG_UTF8
MAX_HEADER = LOCAL_BYTES + 2 * U16


class Row(NamedTuple):
    """One row of the index: the values that a local header repeats."""

    path: str
    raw_name: bytes
    header_offset: int
    end_offset: int
    compressed_size: int
    size_bytes: int
    crc32: int
    method: int
    flags: int
    is_directory: bool


def data_start(header: bytes | memoryview, row: Row) -> int:
    """Check a local header (with at least its name and extra fields) and return its length.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS or BAD_NAME.
    """
    if len(header) < LOCAL_BYTES:
        raise _ambiguous("an entry is shorter than its header", row)
    signature, _, flags, method, _, _, crc, compressed_size, size, name_bytes, extra_bytes = (
        LOCAL_STRUCT.unpack_from(header)
    )
    if signature != LOCAL_SIGNATURE:
        raise _ambiguous("there is no entry at the position in the directory", row)
    extra_start = LOCAL_BYTES + name_bytes
    start: int = extra_start + extra_bytes
    if bytes(header[LOCAL_BYTES:extra_start]) != row.raw_name:
        raise _ambiguous("an entry has two different names", row)
    if method != row.method or (flags ^ row.flags) & FLAGS_THAT_MUST_AGREE:
        raise _ambiguous("an entry is described in two different ways", row)
    extra = bytes(header[extra_start:start])
    if len(extra) != extra_bytes:
        raise _ambiguous("an entry is shorter than its header", row)
    if size == U32 or compressed_size == U32:
        size, compressed_size = _zip64_sizes(extra, size, compressed_size, row)
    # With a data descriptor, the header may have 0 for values that were not known yet.
    unknown = (0,) if flags & FLAG_DESCRIPTOR else ()
    if (
        crc not in (row.crc32, *unknown)
        or size not in (row.size_bytes, *unknown)
        or compressed_size not in (row.compressed_size, *unknown)
    ):
        raise _ambiguous("an entry has two different sizes or checksums", row)
    check_second_name(extra, row)
    return start


def check_second_name(extra: bytes, row: Row) -> None:
    """Check that a Unicode-path extra field has the same name as the directory.

    Raises:
        ArchiveRejected: BAD_NAME.
    """
    second = unicode_path(extra) if b"up" in extra else None
    if second is not None and _segments(second) != _segments(row.path.encode()):
        raise ArchiveRejected(
            "BAD_NAME", "an entry has two different names; pack the archive again", row.raw_name
        )


def _segments(path: bytes) -> list[bytes]:
    # The path of the row is normalised already, the second name is not.
    return [segment for segment in path.replace(b"\\", b"/").split(b"/") if segment not in (b"", b".")]


def check_end(after: bytes | memoryview, row: Row) -> None:
    """Check what follows the compressed bytes: nothing, or the data descriptor if the flags announce one.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS.
    """
    if not row.flags & FLAG_DESCRIPTOR:
        if len(after):
            raise _ambiguous("there is data between two entries", row)
        return
    numbers = (row.crc32, row.compressed_size, row.size_bytes)
    signature = struct.pack("<I", DESCRIPTOR_SIGNATURE)
    forms = []
    if max(row.compressed_size, row.size_bytes) <= U32:
        forms.append(struct.pack("<III", *numbers))
    forms.append(struct.pack("<IQQ", *numbers))
    if bytes(after) not in (form for short in forms for form in (short, signature + short)):
        raise _ambiguous("the data descriptor of an entry disagrees with the directory", row)


def _zip64_sizes(extra: bytes, size: int, compressed_size: int, row: Row) -> tuple[int, int]:
    field = extra_field(extra, ZIP64_EXTRA)
    if field is None or len(field) < 16:
        raise _ambiguous("a zip64 entry does not say how large it is", row)
    long_size, long_compressed_size = struct.unpack_from("<QQ", field)
    return (
        long_size if size == U32 else size,
        long_compressed_size if compressed_size == U32 else compressed_size,
    )


def _ambiguous(problem: str, row: Row) -> ArchiveRejected:
    return ArchiveRejected("ZIP_AMBIGUOUS", f"{problem}; pack the archive again", row.raw_name)
