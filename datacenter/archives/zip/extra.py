"""The extra fields that change the meaning of a zip entry: zip64 values and a second name.

Source: APPNOTE.TXT 6.3.10, 4.5.3 (0x0001) and 4.6.9 (0x7075).
"""

import struct
from dataclasses import dataclass

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.zip.records import U16, U32, UNICODE_PATH_EXTRA, ZIP64_EXTRA

_INT64_MAX = 2**63 - 1
_ONE_OFFSET = struct.Struct("<HHQ")


@dataclass(frozen=True, slots=True)
class Zip64Needs:
    """The 32-bit values of a record; a saturated value has its real one in the extra field."""

    size: int
    compressed_size: int
    offset: int
    disk: int = 0


def extra_field(extra: bytes, kind: int) -> bytes | None:
    """The one field of a kind, or None.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS, the field is there twice, or the fields do not fill the space exactly.
    """
    content: bytes | None = None
    position = 0
    while position + 4 <= len(extra):
        field_kind, size = struct.unpack_from("<HH", extra, position)
        stop = position + 4 + size
        if stop > len(extra):
            raise ArchiveRejected(
                "ZIP_AMBIGUOUS", "an extra field reaches beyond its entry; pack the archive again"
            )
        if field_kind == kind:
            if content is not None:
                raise ArchiveRejected(
                    "ZIP_AMBIGUOUS", "an entry has one extra field twice; pack the archive again"
                )
            content = extra[position + 4 : stop]
        position = stop
    return content


def zip64_values(extra: bytes, needs: Zip64Needs) -> tuple[int, int, int]:
    """Size, compressed size and offset, each from the record unless it is saturated there.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS, a saturated value is missing, or a value is there twice with different numbers;
            UNSUPPORTED, the entry is on another disk.
    """
    if (
        len(extra) == _ONE_OFFSET.size
        and needs.offset == U32
        and U32 not in (needs.size, needs.compressed_size)
    ):
        kind, length, offset = _ONE_OFFSET.unpack(
            extra
        )  # by far the most common: any small file beyond 4 GiB
        if (kind, length) == (ZIP64_EXTRA, 8) and needs.disk == 0:
            return needs.size, needs.compressed_size, _positive(offset)
    field = extra_field(extra, ZIP64_EXTRA)
    short = (needs.size, needs.compressed_size, needs.offset)
    saturated = [value == U32 for value in short]
    if field is None or len(field) not in (8 * sum(saturated) + 4 * (needs.disk == U16), 16, 24, 28):
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "a zip64 entry does not say how large it is; pack the archive again"
        )
    values = list(short)
    if len(field) == 8 * sum(saturated) + 4 * (needs.disk == U16):
        wanted = [i for i in range(3) if saturated[i]]
        for place, i in enumerate(wanted):
            values[i] = int.from_bytes(field[8 * place : 8 * place + 8], "little")
        disk = field[8 * len(wanted) :]
    else:
        disk = field[24:]
        _read_full_form(field, values, saturated)
    if any(disk):
        raise ArchiveRejected("UNSUPPORTED", "the archive is split over several disks; pack it as one file")
    size, compressed_size, offset = map(_positive, values)
    return size, compressed_size, offset


def _read_full_form(field: bytes, values: list[int], saturated: list[bool]) -> None:
    """Some writers give all values, not only the saturated ones; then they must agree with the record."""
    for i in range(3):
        given = (
            int.from_bytes(field[8 * i : 8 * i + 8], "little") if 8 * i < len(field) and 8 * i < 24 else None
        )
        if saturated[i] and given is not None:
            values[i] = given
        elif saturated[i] or given not in (None, values[i]):
            raise ArchiveRejected("ZIP_AMBIGUOUS", "an entry has two different sizes; pack the archive again")


def unicode_path(extra: bytes) -> bytes | None:
    """The second name of an entry, in UTF-8, or None."""
    field = extra_field(extra, UNICODE_PATH_EXTRA)
    return None if field is None else field[5:]


def _positive(value: int) -> int:
    if value > _INT64_MAX:
        raise ArchiveRejected("ZIP_AMBIGUOUS", "an entry claims more than 8 EiB; pack the archive again")
    return value
