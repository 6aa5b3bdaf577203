"""The layout of a zip: stored (or already deflated) members, zip64 where needed, no byte that depends on the clock."""

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datacenter.archives.member_layout import MemberLayout, PackedNames
from datacenter.archives.zip.records import (
    CENTRAL,
    CENTRAL_BYTES,
    CENTRAL_SIGNATURE,
    DEFLATED,
    END,
    END_SIGNATURE,
    FLAG_UTF8,
    LOCAL,
    LOCAL_BYTES,
    LOCAL_SIGNATURE,
    STORED,
    U16,
    U32,
    ZIP64_END,
    ZIP64_END_SIGNATURE,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_SIGNATURE,
)

# One date for all members, 2025-01-01, so that the same members give the same bytes.
_TIME, _DATE = 0, (2025 - 1980) << 9 | 1 << 5 | 1
_VERSION, _VERSION_ZIP64 = 20, 45
_MADE_BY = 3 << 8 | _VERSION_ZIP64
_REGULAR_FILE = 0o100644 << 16
_LOCAL_EXTRA_BYTES = 20
_RECORDS_AT_ONCE = 16_384

Ints = npt.NDArray[np.int64]


class ZipLayout(MemberLayout):
    """Members in the order of the table; names are marked as UTF-8.

    Costs about 60 bytes of memory a member beside the names.
    """

    def __init__(
        self,
        *,
        names: PackedNames,
        sizes: Ints,
        crcs: npt.NDArray[np.uint32],
        stored_sizes: Ints,
        methods: npt.NDArray[np.uint16],
    ) -> None:
        name_bytes = names.lengths(0, len(sizes))
        if len(sizes) and not (name_bytes.min() > 0 and name_bytes.max() <= U16):
            raise ValueError("a name in a zip has 1 to 65,535 bytes")
        if not np.isin(methods, (STORED, DEFLATED)).all() or (sizes != stored_sizes)[methods == STORED].any():
            raise ValueError("a member is stored with its own size, or deflated")
        self._names, self._sizes, self._crcs, self._methods = names, sizes, crcs, methods
        self._wide = np.maximum(sizes, stored_sizes) >= U32
        header_bytes = LOCAL_BYTES + name_bytes + _LOCAL_EXTRA_BYTES * self._wide
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(header_bytes + stored_sizes, out=offsets[1:])
        self._far = offsets[:-1] >= U32
        self._extra_bytes = np.where(self._wide | self._far, 4 + 16 * self._wide + 8 * self._far, 0).astype(
            np.uint16
        )
        self._directory_offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(CENTRAL_BYTES + name_bytes + self._extra_bytes, out=self._directory_offsets[1:])
        self._directory_bytes = int(self._directory_offsets[-1])
        end = self._end_records(int(offsets[-1]), self._directory_bytes, len(sizes))
        self._end = end
        super().__init__(
            offsets=offsets,
            header_bytes=header_bytes,
            stored_bytes=stored_sizes,
            tail_bytes=self._directory_bytes + len(end),
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> "ZipLayout":
        """Columns `path`, `size_bytes`, `crc32`; for members that are deflated already `stored_size` and `method` (8).

        Raises:
            ValueError: an empty or overlong name, an unknown method, a stored member of two sizes.
        """
        sizes = table["size_bytes"].to_numpy().astype(np.int64)
        has_stored = "stored_size" in table.column_names
        return cls(
            names=PackedNames.of(table["path"]),
            sizes=sizes,
            crcs=table["crc32"].to_numpy().astype(np.uint32),
            stored_sizes=table["stored_size"].to_numpy().astype(np.int64) if has_stored else sizes,
            methods=(
                table["method"].to_numpy().astype(np.uint16)
                if has_stored
                else np.zeros(len(sizes), np.uint16)
            ),
        )

    def _headers(self, first: int, last: int) -> bytes:
        headers = np.zeros(last - first, LOCAL)
        headers["signature"] = LOCAL_SIGNATURE
        self._describe(headers, first, last)
        headers["extra_bytes"] = _LOCAL_EXTRA_BYTES * self._wide[first:last]
        headers["version"] = np.where(self._wide[first:last], _VERSION_ZIP64, _VERSION)
        packed, extra_starts = self._pack(headers, first, last)
        for i in np.flatnonzero(self._wide[first:last]).tolist():
            _put(packed, int(extra_starts[i]), self._sizes[first + i], self._stored_bytes[first + i])
        return packed.tobytes()

    def _tail(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        stops = min(stop, self._directory_bytes)
        if start < stops:
            first = int(np.searchsorted(self._directory_offsets, start, "right")) - 1
            last = int(np.searchsorted(self._directory_offsets, stops, "left"))
            for begin in range(first, last, _RECORDS_AT_ONCE):
                records = memoryview(self._records(begin, min(begin + _RECORDS_AT_ONCE, last)))
                offset = int(self._directory_offsets[begin])
                yield records[max(start - offset, 0) : stops - offset]
        if stop > self._directory_bytes:
            yield self._end[max(start - self._directory_bytes, 0) : stop - self._directory_bytes]

    def _records(self, first: int, last: int) -> bytes:
        """Records [first, last) of the central directory."""
        wide, far, offsets = self._wide[first:last], self._far[first:last], self._offsets[first:last]
        records = np.zeros(last - first, CENTRAL)
        records["signature"] = CENTRAL_SIGNATURE
        self._describe(records, first, last)
        records["extra_bytes"] = self._extra_bytes[first:last]
        records["made_by"] = _MADE_BY
        records["version"] = np.where(wide | far, _VERSION_ZIP64, _VERSION)
        records["external"] = _REGULAR_FILE
        records["offset"] = np.where(far, U32, offsets)
        packed, extra_starts = self._pack(records, first, last)
        _put_offsets(packed, extra_starts[far & ~wide], offsets[far & ~wide])
        for i in np.flatnonzero(wide).tolist():
            values = [self._sizes[first + i], self._stored_bytes[first + i]] + (
                [offsets[i]] if far[i] else []
            )
            _put(packed, int(extra_starts[i]), *values)
        return packed.tobytes()

    def _describe(self, records: npt.NDArray[np.void], first: int, last: int) -> None:
        """Fill what local headers and directory records have in common."""
        wide = self._wide[first:last]
        records["flags"] = FLAG_UTF8
        records["method"] = self._methods[first:last]
        records["time"], records["date"] = _TIME, _DATE
        records["crc32"] = self._crcs[first:last]
        records["size"] = np.where(wide, U32, self._sizes[first:last])
        records["compressed_size"] = np.where(wide, U32, self._stored_bytes[first:last])
        records["name_bytes"] = self._names.lengths(first, last)

    def _pack(
        self, records: npt.NDArray[np.void], first: int, last: int
    ) -> tuple[npt.NDArray[np.uint8], Ints]:
        """Records with their names behind them and room for their extra fields; where those start."""
        fixed = records.dtype.itemsize
        name_bytes = self._names.lengths(first, last)
        ends = np.cumsum(fixed + name_bytes + records["extra_bytes"])
        starts = ends - fixed - name_bytes - records["extra_bytes"]
        packed = np.zeros(int(ends[-1]), np.uint8)
        packed[starts[:, None] + np.arange(fixed)] = records.view(np.uint8).reshape(-1, fixed)
        self._names.scatter(first, last, packed, starts + fixed)
        return packed, starts + fixed + name_bytes

    @staticmethod
    def _end_records(directory_offset: int, directory_bytes: int, files: int) -> bytes:
        zip64 = b""
        if files >= U16 or directory_offset >= U32 or directory_bytes >= U32:
            zip64 = ZIP64_END.pack(
                ZIP64_END_SIGNATURE,
                ZIP64_END.size - 12,
                _MADE_BY,
                _VERSION_ZIP64,
                0,
                0,
                files,
                files,
                directory_bytes,
                directory_offset,
            ) + ZIP64_LOCATOR.pack(ZIP64_LOCATOR_SIGNATURE, 0, directory_offset + directory_bytes, 1)
        short = min(files, U16), min(files, U16), min(directory_bytes, U32), min(directory_offset, U32)
        return zip64 + END.pack(END_SIGNATURE, 0, 0, *short, 0)


def _put(packed: npt.NDArray[np.uint8], start: int, *values: int) -> None:
    """One zip64 extra field."""
    field = struct.pack(f"<HH{len(values)}Q", ZIP64_EXTRA, 8 * len(values), *map(int, values))
    packed[start : start + len(field)] = np.frombuffer(field, np.uint8)


def _put_offsets(packed: npt.NDArray[np.uint8], starts: Ints, offsets: Ints) -> None:
    """Zip64 extra fields that hold an offset only: what every small member beyond 4 GiB has."""
    fields = np.zeros(len(starts), np.dtype([("kind", "<u2"), ("size", "<u2"), ("offset", "<u8")]))
    fields["kind"], fields["size"], fields["offset"] = ZIP64_EXTRA, 8, offsets
    packed[starts[:, None] + np.arange(fields.dtype.itemsize)] = fields.view(np.uint8).reshape(
        len(starts), fields.dtype.itemsize
    )
