"""The blocks of a tar that we write: ustar headers, thousands at once, and pax headers.

Source: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Extended Header".
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

BLOCK = 512
USTAR_NAME_BYTES = 100
OCTAL_SIZE_LIMIT = 8**11
"""Sizes from here on do not fit eleven octal digits."""

_MTIME = 1_735_689_600  # 2025-01-01 for all members, so that the same members give the same bytes
_SIZE = slice(124, 135)
_CHECKSUM = slice(148, 156)
_PAX_NAME = b"././@PaxHeader"

Ints = npt.NDArray[np.int64]


def padded(sizes: Ints) -> Ints:
    """Sizes rounded up to whole blocks."""
    return (sizes + (BLOCK - 1)) // BLOCK * BLOCK


def ustar_blocks(*, sizes: Ints, names: npt.NDArray[np.uint8], name_bytes: Ints) -> npt.NDArray[np.uint8]:
    """One header block a member; of a name too long or not ASCII as much as fits, for readers that know no pax."""
    blocks = np.tile(_template(b"0"), (len(sizes), 1))
    place = np.arange(len(names)) - np.repeat(np.cumsum(name_bytes) - name_bytes, name_bytes)
    fits = place < USTAR_NAME_BYTES
    row = np.repeat(np.arange(len(sizes)), name_bytes)
    blocks[row[fits], place[fits]] = np.where(names < 0x80, names, ord("_"))[fits]
    blocks[:, _SIZE] = _octal(sizes, 11)
    _sign(blocks)
    return blocks


@lru_cache(maxsize=1024)
def pax_block(size: int) -> bytes:
    """The header of an extended header with that many bytes of records; padding is up to the caller."""
    block = _template(b"x").reshape(1, BLOCK)
    block[0, : len(_PAX_NAME)] = np.frombuffer(_PAX_NAME, np.uint8)
    block[:, _SIZE] = _octal(np.array([size]), 11)
    _sign(block)
    return block.tobytes()


def pax_record(keyword: bytes, value: bytes) -> bytes:
    """`LENGTH keyword=value` and a line feed, where the length counts itself."""
    rest = len(keyword) + 3 + len(value)
    size = rest + len(str(rest))
    size = rest + len(str(size))
    return b"%d %s=%s\n" % (size, keyword, value)


def pax_record_bytes(keyword_bytes: int, value_bytes: Ints) -> Ints:
    """How long a record becomes for values of these lengths."""
    rest = keyword_bytes + 3 + value_bytes
    size = rest
    for _ in range(2):  # the digits of the length can push it over a power of ten once
        size = rest + np.searchsorted(10 ** np.arange(1, 19), size, "right") + 1
    return size


def _template(kind: bytes) -> npt.NDArray[np.uint8]:
    block = bytearray(BLOCK)
    block[100:124] = b"0000644\0" + 2 * b"0000000\0"
    block[136:148] = b"%011o\0" % _MTIME
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    return np.frombuffer(bytes(block), np.uint8).copy()


def _octal(values: Ints, digits: int) -> npt.NDArray[np.uint8]:
    shifts = 3 * np.arange(digits - 1, -1, -1)
    return ((values[:, None] >> shifts & 7) + ord("0")).astype(np.uint8)


def _sign(blocks: npt.NDArray[np.uint8]) -> None:
    blocks[:, _CHECKSUM] = ord(" ")
    sums = blocks.sum(axis=1, dtype=np.int64)
    blocks[:, _CHECKSUM.start : _CHECKSUM.start + 6] = _octal(sums, 6)
    blocks[:, _CHECKSUM.start + 6] = 0
