"""The layout of a tar: ustar headers, a pax header for what ustar cannot say, no byte that depends on the clock."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.member_layout import MemberLayout, PackedNames
from datacenter.archives.tar_records import (
    BLOCK,
    OCTAL_SIZE_LIMIT,
    USTAR_NAME_BYTES,
    padded,
    pax_block,
    pax_record,
    pax_record_bytes,
    ustar_blocks,
)

RECORD_BYTES = 20 * BLOCK

Ints = npt.NDArray[np.int64]


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
