"""The end of a zip: where its directory is and how many entries it lists; an ambiguous end is rejected."""

from dataclasses import dataclass

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.source import ByteSource, read_exactly
from datacenter.archives.zip.records import (
    END,
    END_SIGNATURE,
    U16,
    U32,
    ZIP64_END,
    ZIP64_END_SIGNATURE,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_SIGNATURE,
)

_END_BYTES = END_SIGNATURE.to_bytes(4, "little")
_MAX_COMMENT = 65_535
_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipEnd:
    """The position of the central directory; it ends where the end records begin."""

    entries: int
    directory_offset: int
    directory_bytes: int


def read_zip_end(source: ByteSource) -> ZipEnd:
    """Find the one end record that every reader finds.

    Raises:
        ArchiveRejected: BAD_ARCHIVE, CORRUPT, ZIP_AMBIGUOUS or UNSUPPORTED (several disks).
    """
    tail_start = max(0, source.size_bytes - END.size - _MAX_COMMENT)
    tail = read_exactly(source, tail_start, source.size_bytes - tail_start)
    position = _end_position(source, tail)
    _, disk, directory_disk, here, entries, size, offset, _ = END.unpack_from(tail, position)
    end = ZipEnd(entries=entries, directory_offset=offset, directory_bytes=size)
    records_start = tail_start + position
    locator_start = records_start - ZIP64_LOCATOR.size
    if locator_start >= 0:
        locator = read_exactly(source, locator_start, ZIP64_LOCATOR.size)
        if int.from_bytes(locator[:4], "little") == ZIP64_LOCATOR_SIGNATURE:
            disk, directory_disk = (0 if number == U16 else number for number in (disk, directory_disk))
            end, records_start = (
                _zip64_end(source, locator, locator_start, end),
                locator_start - ZIP64_END.size,
            )
    if disk or directory_disk or here != entries:
        raise ArchiveRejected("UNSUPPORTED", "the archive is split over several disks; pack it as one file")
    if end.directory_offset + end.directory_bytes != records_start:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "there is data before the archive or around its directory; pack it again"
        )
    return end


def _end_position(source: ByteSource, tail: bytes) -> int:
    """Where in the tail the end record starts: the only one, whose comment ends exactly at the end of the file."""
    positions = _all_positions(tail)
    if not positions:
        if read_exactly(source, 0, min(4, source.size_bytes)) in _STARTS:
            raise ArchiveRejected("CORRUPT", "the end of the zip is missing; upload it again")
        raise ArchiveRejected("BAD_ARCHIVE", "this is not a zip archive")
    ends = {
        p: p + END.size + int.from_bytes(tail[p + 20 : p + 22], "little")
        for p in positions
        if p + END.size <= len(tail)
    }
    exact = [position for position, end in ends.items() if end == len(tail)]
    if len(exact) == 1 and exact[0] == positions[-1]:
        return exact[0]
    if exact:
        raise ArchiveRejected("ZIP_AMBIGUOUS", "the archive has two end records; pack it again")
    if positions[-1] not in ends or ends[positions[-1]] > len(tail):
        raise ArchiveRejected("CORRUPT", "the end of the zip is cut off; upload it again")
    raise ArchiveRejected("ZIP_AMBIGUOUS", "there is data after the end of the archive; pack it again")


def _all_positions(tail: bytes) -> list[int]:
    positions = []
    position = tail.find(_END_BYTES)
    while position >= 0:
        positions.append(position)
        position = tail.find(_END_BYTES, position + 1)
    return positions


def _zip64_end(source: ByteSource, locator: bytes, locator_start: int, short: ZipEnd) -> ZipEnd:
    """The 64-bit end record; values that the short one has, too, are the same in both."""
    _, record_disk, record_start, disks = ZIP64_LOCATOR.unpack(locator)
    if record_disk or disks > 1:
        raise ArchiveRejected("UNSUPPORTED", "the archive is split over several disks; pack it as one file")
    if record_start + ZIP64_END.size != locator_start:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "the zip64 locator does not point to the record before it; pack it again"
        )
    record = ZIP64_END.unpack(read_exactly(source, record_start, ZIP64_END.size))
    signature, following, _, _, disk, directory_disk, here, entries, size, offset = record
    if signature != ZIP64_END_SIGNATURE or following != ZIP64_END.size - 12:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "the zip64 locator does not point to a zip64 end record; pack it again"
        )
    if disk or directory_disk or here != entries:
        raise ArchiveRejected("UNSUPPORTED", "the archive is split over several disks; pack it as one file")
    agrees = (
        short.entries in (entries, U16)
        and short.directory_bytes in (size, U32)
        and short.directory_offset in (offset, U32)
    )
    if not agrees:
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "the zip64 end record and the short one disagree; pack it again"
        )
    return ZipEnd(entries=entries, directory_offset=offset, directory_bytes=size)
