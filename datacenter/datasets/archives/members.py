"""The member table: the files of one archive in archive order, from which every byte of the archive can be made."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from datacenter.archives.crc import crc32
from datacenter.archives.layout import Request
from datacenter.datasets.archives.selection import Selection, selected_rows
from datacenter.datasets.columns import required
from datacenter.datasets.manifest import open_rows, regroup, write_rows
from datacenter.datasets.models import Archive
from datacenter.datasets.resources import Resources
from datacenter.datasets.summed_writer import SummedWriter
from datacenter.formats.manifest_lines import MANIFEST_FILENAME, manifest_lines
from datacenter.formats.registry import writer_for
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import ByteRange, Storage

SCHEMA = pa.schema(
    [
        required("path", pa.string()),
        required("size_bytes", pa.int64()),
        required("crc32", pa.uint32()),
        required("stored_size", pa.int64()),
        required("method", pa.uint16()),
        required("storage", pa.string()),
        required("key", pa.string()),
        required("offset", pa.int64()),
    ]
)
"""A member's stored content is `stored_size` bytes of the object `key` from `offset`; `method` is zip's compression."""
STORED = 0
GROUP_ROWS = 4_096
"""A worker writes some thousand members of an archive at a time, and reads whole row groups of the table to do so."""
SIDECARS = 2
"""The last members of every archive are its labels and its manifest."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some bytes of a member that came in several pieces, with their CRC-32; None if the storage copied them."""

    member: int
    start: int
    stop: int
    crc32: int | None


class Sidecar:
    """A list that is added to the archive beside the files; written together with the member table."""

    def __init__(self, storage: Storage, key: str, filename: str) -> None:
        self._writer = SummedWriter(storage, key)
        self._key = key
        self._filename = filename
        self.write = self._writer.write
        self.abort = self._writer.abort

    def close(self, storage_name: str) -> dict[str, Any]:
        """Publish the list; returns its row of the member table."""
        self._writer.close()
        size = self._writer.size_bytes
        return {
            "path": self._filename,
            "size_bytes": size,
            "crc32": self._writer.crc32,
            "stored_size": size,
            "method": STORED,
            "storage": storage_name,
            "key": self._key,
            "offset": 0,
        }


def write_members(
    resources: Resources, archive: Archive, selection: Selection, key: str, check: Callable[[], None]
) -> None:
    """Write the member table and the sidecars; the same selection gives the same bytes.

    `check` is called at every batch and may raise to stop.
    """
    storage = resources.storages.open(archive.storage)
    writer = writer_for(archive.request["label_format"])
    labels = Sidecar(storage, f"{archive.prefix}labels", writer.filename)
    manifest = Sidecar(storage, f"{archive.prefix}manifest", MANIFEST_FILENAME)

    def rows() -> Iterator[pa.Table]:
        labels.write(writer.head())
        for table in selected_rows(resources, selection, check):
            check()
            for batch in table.combine_chunks().to_batches():
                labels.write(writer.rows(batch.select(["path", "labels", "annotation"])))
                manifest.write(manifest_lines(batch))
            yield _members(table)
        labels.write(writer.tail())
        own = [labels.close(archive.storage), manifest.close(archive.storage)]
        yield pa.Table.from_pylist(own, schema=SCHEMA)

    try:
        write_rows(storage, key, SCHEMA, regroup(rows(), GROUP_ROWS))
    except BaseException:
        labels.abort()
        manifest.abort()
        raise


def _members(table: pa.Table) -> pa.Table:
    methods = pa.array(np.zeros(table.num_rows, np.uint16))
    columns = {
        "path": table["path"],
        "size_bytes": table["size_bytes"],
        "crc32": table["crc32"],
        "stored_size": table["length"],
        "method": methods,
        "storage": table["storage"],
        "key": table["key"],
        "offset": table["offset"],
    }
    return pa.table(columns).cast(SCHEMA)


class ArchiveReader:
    """Makes any byte range of an archive from the stored objects, and checks every member's CRC-32.

    Raises `ObjectChanged` if an object does not match the manifest, so that no wrong archive is finished.
    """

    def __init__(self, resources: Resources, archive: Archive) -> None:
        self._resources = resources
        self._archive = archive
        self._storage = resources.storages.open(archive.storage)
        self.layout = resources.layouts.get(self._storage, archive)
        self.pieces: list[Piece] = []
        """Members of which only a part was read; the caller combines them with the other parts."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to `stop` of the archive."""
        with open_rows(self._storage, self._archive.members_key) as file:
            table = MemberRows(file)
            for piece in self.layout.read(start, stop, lambda requests: self._fetch(table, requests)):
                # Contents are bytes already and are not copied; headers are views.
                yield bytes(piece)

    def _fetch(self, table: "MemberRows", requests: list[Request]) -> Iterator[bytes]:
        """The bytes that the layout requested. This runs for every file of every archive: whole files are checked here."""
        first = requests[0][0]
        rows = table.rows(first, requests[-1][0] + 1)
        located = ((rows[request[0] - first], request) for request in requests)
        for name, run in groupby(located, key=lambda pair: pair[0].storage):
            wanted = list(run)
            ranges = (
                ByteRange(key=row.key, offset=row.offset + start, length=stop - start)
                for row, (_, start, stop) in wanted
            )
            data = self._resources.storages.open(name).read_ranges(ranges)
            for (row, request), piece in zip(wanted, data, strict=True):
                if request[1] or request[2] != row.stored_size:
                    _add_piece(self.pieces, row, request, piece)
                elif row.method == STORED and crc32(piece) != row.crc32:
                    raise _changed(row)
                yield piece


def _add_piece(pieces: list[Piece], row: "MemberRow", request: Request, data: bytes) -> None:
    """Record a piece of a member; adjacent pieces are joined, and a complete member is compared with its CRC.

    Recorded before the piece is yielded: the reader takes no more than it needs, so code after the last yield never runs.
    """
    member, start, stop = request
    if row.method != STORED:
        return
    value = 0
    if pieces and (pieces[-1].member, pieces[-1].stop) == (member, start):
        before = pieces.pop()
        assert before.crc32 is not None, "a piece that was read has a CRC"
        start, value = before.start, before.crc32
    value = crc32(data, value)
    if (start, stop) != (0, row.stored_size):
        pieces.append(Piece(member=member, start=start, stop=stop, crc32=value))
    elif value != row.crc32:
        raise _changed(row)


class MemberRow(NamedTuple):
    """The columns needed to read a member."""

    path: str
    crc32: int
    stored_size: int
    method: int
    storage: str
    key: str
    offset: int


class MemberRows:
    """Rows of a member table by number; holds one row group, so reading in order is cheapest."""

    def __init__(self, file: Any) -> None:
        self._file = file
        counts = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        self._starts = [0, *accumulate(counts)]
        self._group = -1
        self._table = pa.table({})

    def row(self, member: int) -> MemberRow:
        """The row of one member."""
        return self.rows(member, member + 1)[0]

    def rows(self, first: int, last: int) -> list[MemberRow]:
        """The rows of members `first` to `last` (exclusive)."""
        found: list[MemberRow] = []
        while first < last:
            group = bisect_right(self._starts, first) - 1
            if group != self._group:
                self._table = self._file.read_row_group(group, columns=list(MemberRow._fields))
                self._group = group
            stop = min(last, self._starts[group + 1])
            part = self._table.select(MemberRow._fields).slice(first - self._starts[group], stop - first)
            found += map(MemberRow._make, zip(*(column.to_pylist() for column in part.columns), strict=True))
            first = stop
        return found


def _changed(row: MemberRow) -> ObjectChanged:
    return ObjectChanged(f"the bytes of {row.path!r} changed after the import", key=row.key)
