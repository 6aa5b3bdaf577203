"""Builds zips record by record, so that any of them can be wrong."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

UTF8 = 1 << 11
DESCRIPTOR = 1 << 3
STORED, DEFLATED = 0, 8
REGULAR, SYMLINK, CHARACTER_DEVICE, FIFO = 0o100644, 0o120777, 0o020644, 0o010644


def raw_deflate(data: bytes, level: int = 1) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@dataclass(frozen=True, kw_only=True)
class Described:
    """Fields of one of the two headers of an entry; None: the true value."""

    name: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    method: int | None = None
    flags: int | None = None
    extra: bytes = b""
    disk: int = 0
    offset: int | None = None


TRUTH = Described()


@dataclass(frozen=True, kw_only=True)
class RawEntry:
    """One entry; `after` follows its bytes, `local` and `central` may be false."""

    name: bytes
    data: bytes = b"content"
    method: int = STORED
    flags: int = UTF8
    mode: int = REGULAR
    after: bytes = b""
    local: Described = TRUTH
    central: Described = TRUTH
    packed: bytes | None = None
    in_directory: bool = True

    @property
    def stored(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return raw_deflate(self.data) if self.method == DEFLATED else self.data

    def _fields(self, said: Described) -> tuple[bytes, tuple[int, ...]]:
        def pick(value: int | None, truth: int) -> int:
            return truth if value is None else value

        name = self.name if said.name is None else said.name
        return name, (
            pick(said.flags, self.flags),
            pick(said.method, self.method),
            0,
            0x5A21,
            pick(said.crc, zlib.crc32(self.data)),
            pick(said.packed_size, len(self.stored)),
            pick(said.size, len(self.data)),
            len(name),
            len(said.extra),
        )

    def local_record(self) -> bytes:
        name, fields = self._fields(self.local)
        return (
            struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, *fields)
            + name
            + self.local.extra
            + self.stored
            + self.after
        )

    def central_record(self, offset: int) -> bytes:
        said = self.central
        name, fields = self._fields(said)
        offset = offset if said.offset is None else said.offset
        tail = (0, said.disk, 0, self.mode << 16, offset)
        return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0x031E, 20, *fields, *tail) + name + said.extra


@dataclass(frozen=True, kw_only=True)
class RawZip:
    """A zip from its entries, with room for foreign bytes."""

    entries: Sequence[RawEntry] = ()
    before: bytes = b""
    before_directory: bytes = b""
    after: bytes = b""
    comment: bytes = b""
    count: int | None = None
    disk: int = 0
    zip64: bool = False
    zip64_count: int | None = None
    locator_shift: int = 0
    order: Sequence[int] | None = None
    shift: int = field(default=0)

    def build(self) -> bytes:
        body = bytearray(self.before)
        offsets = []
        for entry in self.entries:
            offsets.append(len(body) + self.shift)
            body += entry.local_record()
        body += self.before_directory
        start = len(body) + self.shift
        listed = [i for i in (self.order or range(len(self.entries))) if self.entries[i].in_directory]
        directory = b"".join(self.entries[i].central_record(offsets[i]) for i in listed)
        return bytes(body) + directory + self._end(start, directory, len(listed)) + self.after

    def _end(self, start: int, directory: bytes, listed: int) -> bytes:
        count = listed if self.count is None else self.count
        zip64 = b""
        short = (min(count, 0xFFFF), min(count, 0xFFFF), len(directory), start)
        if self.zip64:
            long_count = count if self.zip64_count is None else self.zip64_count
            zip64 = struct.pack(
                "<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, long_count, long_count, len(directory), start
            ) + struct.pack("<IIQI", 0x07064B50, 0, start + len(directory) + self.locator_shift, 1)
        end = struct.pack("<IHHHHIIH", 0x06054B50, self.disk, self.disk, *short, len(self.comment))
        return zip64 + end + self.comment


def file(name: str | bytes, data: bytes = b"content", **changes: object) -> RawEntry:
    raw = name.encode() if isinstance(name, str) else name
    return replace(RawEntry(name=raw, data=data), **changes)  # type: ignore[arg-type]  # any field of the entry
