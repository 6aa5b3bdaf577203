"""The layout of a tar: ustar headers, a pax header for values that ustar cannot hold, no byte that depends on the clock."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.member_layout import MemberLayout, PackedNames

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
    """One header block a member; for readers without pax, long names are cut and bytes beyond ASCII become `_`."""
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
    """The header of an extended header with `size` bytes of records; the caller adds the padding."""
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
    """The length of a record for values of these lengths."""
    rest = keyword_bytes + 3 + value_bytes
    size = rest
    for _ in range(2):  # the digits of the length can lift it over a power of ten once
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


RECORD_BYTES = 20 * BLOCK


class TarLayout(MemberLayout):
    """Regular files in the order of the table. Costs about 50 bytes of memory a member beside the names."""

    def __init__(
        self, *, names: PackedNames, is_ascii: npt.NDArray[np.bool_], sizes: Ints, pad_to_record: bool
    ) -> None:
        name_bytes = names.lengths(0, len(sizes))
        if len(sizes) and name_bytes.min() == 0:
            raise ValueError("a name in a tar has at least one byte")
        self._names, self._sizes = names, sizes
        self._pax_path = (name_bytes > USTAR_NAME_BYTES) | ~is_ascii
        self._pax_size = sizes >= OCTAL_SIZE_LIMIT
        size_digits = np.where(
            self._pax_size, np.char.str_len(sizes.astype("U20")) if self._pax_size.any() else 0, 0
        )
        pax_bytes = np.where(self._pax_path, pax_record_bytes(len("path"), name_bytes), 0) + np.where(
            self._pax_size, pax_record_bytes(len("size"), size_digits), 0
        )
        self._pax_bytes = pax_bytes.astype(np.int32)
        header_bytes = BLOCK + np.where(pax_bytes > 0, BLOCK + padded(pax_bytes), 0)
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(header_bytes + padded(sizes), out=offsets[1:])
        tail_bytes = 2 * BLOCK
        if pad_to_record:
            tail_bytes += -(int(offsets[-1]) + tail_bytes) % RECORD_BYTES
        super().__init__(
            offsets=offsets, header_bytes=header_bytes, stored_bytes=sizes, tail_bytes=tail_bytes
        )

    @classmethod
    def from_table(cls, table: pa.Table, *, pad_to_record: bool = False) -> "TarLayout":
        """Columns `path` and `size_bytes`; others are ignored.

        Raises:
            ValueError: an empty name.
        """
        return cls(
            names=PackedNames.of(table["path"]),
            is_ascii=pc.string_is_ascii(table["path"]).to_numpy(),
            sizes=table["size_bytes"].to_numpy().astype(np.int64),
            pad_to_record=pad_to_record,
        )

    def _headers(self, first: int, last: int) -> bytes:
        sizes = self._sizes[first:last]
        headers = ustar_blocks(
            sizes=np.where(self._pax_size[first:last], 0, sizes),
            names=self._names.joined(first, last),
            name_bytes=self._names.lengths(first, last),
        )
        pax_bytes = self._pax_bytes[first:last]
        if not pax_bytes.any():
            return headers.tobytes()
        header_bytes = self._header_bytes[first:last]
        ends = np.cumsum(header_bytes)
        packed = np.zeros((int(ends[-1]) // BLOCK, BLOCK), np.uint8)
        packed[ends // BLOCK - 1] = headers
        flat = packed.reshape(-1)
        for i in np.flatnonzero(pax_bytes).tolist():
            start = int(ends[i] - header_bytes[i])
            records = self._pax_records(first + i)
            flat[start : start + BLOCK + len(records)] = np.frombuffer(
                pax_block(len(records)) + records, np.uint8
            )
        return packed.tobytes()

    def _pax_records(self, member: int) -> bytes:
        records = b""
        if self._pax_path[member]:
            records += pax_record(b"path", self._names.joined(member, member + 1).tobytes())
        if self._pax_size[member]:
            records += pax_record(b"size", b"%d" % self._sizes[member])
        return records

    def _tail(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        yield bytes(stop - start)
