"""Parse one header block of a tar, strictly.

Source: POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from typing import NamedTuple

from isal import isal_zlib

from datacenter.archives.errors import ArchiveRejected

BLOCK = 512

_CHECKSUM = slice(148, 156)
_POSIX_MAGIC = b"ustar\x00"
_INT64_MAX = 2**63 - 1
_SPACES = 8 * ord(" ")


class TarHeader(NamedTuple):
    """The fields of a header; the name is not decoded."""

    name: bytes
    size_bytes: int
    kind: bytes


def has_checksum(block: bytes) -> bool:
    """Whether the block carries its own checksum, as every header does."""
    stored = _octal(block[_CHECKSUM])
    if stored is None:
        return False
    total = _sum(block[:256]) + _sum(block[256:]) - _sum(block[_CHECKSUM]) + _SPACES
    if total == stored:
        return True
    # Some old programs add signed bytes.
    high = sum(byte >= 0x80 for byte in block[: _CHECKSUM.start] + block[_CHECKSUM.stop :])
    return total - 256 * high == stored


def _sum(data: bytes) -> int:
    """The sum of at most 256 bytes.

    The lower half of Adler-32 is this sum plus 1 (255 * 256 + 1 stays below its modulus), twenty times faster than Python adds.
    """
    return (isal_zlib.adler32(data) & 0xFFFF) - 1


def parse_header(block: bytes) -> TarHeader:
    """The name, size and type of a header whose checksum is right.

    Raises:
        ArchiveRejected: BAD_ARCHIVE or BAD_NAME.
    """
    name = text_field(block[:100])
    if block[257:263] == _POSIX_MAGIC and block[345]:
        name = text_field(block[345:500]) + b"/" + name
    return TarHeader(name, _size(block[124:136], name), block[156:157])


def text_field(field: bytes) -> bytes:
    """Text without the NULs that fill its field.

    Raises:
        ArchiveRejected: BAD_NAME, there is a NUL inside.
    """
    text = field.rstrip(b"\0")
    if b"\0" in text:
        raise ArchiveRejected("BAD_NAME", "a name holds NUL; rename the file", text)
    return text


def _size(field: bytes, name: bytes) -> int:
    """An octal number or, for large sizes, a binary one with the highest bit set (GNU)."""
    if field[0] & 0x80:
        # 0xff starts a negative number; 0x80 is the marker alone.
        size = int.from_bytes(field, "big") - (1 << 95) if field[0] == 0x80 else -1
    else:
        octal = _octal(field)
        size = -1 if octal is None else octal
    if not 0 <= size <= _INT64_MAX:
        raise ArchiveRejected("BAD_ARCHIVE", "an entry has no valid size; pack the archive again", name)
    return size


def _octal(field: bytes) -> int | None:
    digits = field.lstrip(b" ").rstrip(b" \0")
    if not digits:
        return 0
    # `int` alone would also take signs, underscores and prefixes.
    return int(digits, 8) if digits.isdigit() and b"8" not in digits and b"9" not in digits else None
