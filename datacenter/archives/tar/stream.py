"""Read a tar in one pass: every regular file with its bytes; links, devices and the like are rejected."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from isal import isal_zlib

from datacenter.archives.byte_feed import ByteFeed
from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits
from datacenter.archives.member import Member
from datacenter.archives.name_collisions import NameCollisions
from datacenter.archives.names import safe_path
from datacenter.archives.tar.header import BLOCK, TarHeader, has_checksum, parse_header, text_field
from datacenter.archives.tar.names import TarNames

MAX_PAX_BYTES = 1024**2
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PaxOverrides:
    """The records that change a member's name or size; times, owners and attributes are dropped."""

    path: bytes | None = None
    is_binary: bool = False
    """The path has no declared encoding; otherwise it is UTF-8."""
    size_bytes: int | None = None


def read_pax(data: bytes) -> PaxOverrides:
    """Parse all records.

    Raises:
        ArchiveRejected: BAD_ARCHIVE, or UNSUPPORTED_TYPE for a sparse file.
    """
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        keyword, value, position = _record(data, position)
        if keyword.startswith(b"GNU.sparse."):
            raise ArchiveRejected("UNSUPPORTED_TYPE", "a file is stored sparsely; pack it as a regular file")
        if keyword in (b"path", b"size", b"hdrcharset"):
            if keyword in records:
                raise _bad("has one keyword twice")
            records[keyword] = value
    if not data:
        raise _bad("is empty")
    return PaxOverrides(
        path=records.get(b"path"),
        is_binary=records.get(b"hdrcharset") == b"BINARY",
        size_bytes=_size(records.get(b"size")),
    )


def _record(data: bytes, start: int) -> tuple[bytes, bytes, int]:
    """Keyword, value and where the next record starts. A record is `LENGTH keyword=value` and a line feed."""
    space = data.find(b" ", start, start + 8)
    digits = data[start:space]
    if space < 0 or not digits.isdigit():
        raise _bad("is damaged")
    stop = start + int(digits)
    keyword, equals, value = data[space + 1 : stop - 1].partition(b"=")
    if not (space < stop <= len(data) and data[stop - 1] == ord("\n") and equals and keyword):
        raise _bad("is damaged")
    return keyword, value, stop


def _size(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not (value.isdigit() and len(value) < 20 and int(value) <= _INT64_MAX):
        raise _bad("has no valid size")
    return int(value)


def _bad(problem: str) -> ArchiveRejected:
    return ArchiveRejected("BAD_ARCHIVE", f"an extended header {problem}; pack the archive again")


_FILES = (b"0", b"\0", b"7")
_DIRECTORY, _PAX, _SOLARIS_PAX, _GLOBAL_PAX, _LONG_NAME = b"5", b"x", b"X", b"g", b"L"
_MAX_HEADERS_A_FILE = 8
_NAMES_AT_ONCE = 16_384
_MAX_PADDING_BYTES = 16 * MIB
_ZERO_BLOCK = bytes(BLOCK)
_NO_OVERRIDES = PaxOverrides()


def read_tar(
    chunks: Iterator[bytes], limits: Limits, *, names: TarNames | None = None, large_bytes: int = 16 * MIB
) -> "TarReader":
    """Read the plain bytes of a tar; see `TarReader`."""
    return TarReader(chunks, limits, names=names or TarNames(None), large_bytes=large_bytes)


class TarReader(Iterator[Member]):
    """Yields the files in the order of the archive; directories are checked and left out.

    A member up to `large_bytes` comes whole, a larger one in chunks; its CRC-32 is known when they are used up.
    All names are compared after the last file: the archive is good only when the reader is exhausted. Then
    `warnings`, `files` and `size_bytes` are complete, too. Owners, modes, times and attributes are dropped.

    Raises:
        ArchiveRejected: any code but those of zip.
        NamesMisread: the paths yielded so far are wrong; read the tar again from its start, with the same `names`.
    """

    def __init__(self, chunks: Iterator[bytes], limits: Limits, *, names: TarNames, large_bytes: int) -> None:
        self.files = 0
        self.size_bytes = 0
        self.warnings: list[str] = []
        self._feed = ByteFeed(chunks)
        self._limits = limits
        self._large_bytes = large_bytes
        self._decode = names.decode
        self._members = self._read()

    def __next__(self) -> Member:
        return next(self._members)

    def _read(self) -> Iterator[Member]:
        collisions = NameCollisions(self._limits)
        names: list[str] = []
        entries = 0
        while (entry := self._next_entry(is_first=entries == 0)) is not None:
            path, size, is_directory = entry
            entries += 1
            if entries > self._limits.entries:
                raise ArchiveRejected(
                    "TOO_MANY", f"the archive has more than {self._limits.entries} entries; split it"
                )
            names.append(path)
            if len(names) == _NAMES_AT_ONCE:
                collisions.add(pa.array(names, pa.string()))
                names = []
            if not is_directory:
                self._count(path, size)
                yield from self._member(path, size)
        collisions.add(pa.array(names, pa.string()))
        self.warnings.extend(collisions.check())

    def _count(self, path: str, size: int) -> None:
        self.files += 1
        self.size_bytes += size
        if size > self._limits.entry_bytes:
            raise ArchiveRejected(
                "TOO_LARGE", f"a file is larger than {self._limits.entry_bytes} bytes; split it", path
            )
        if self.size_bytes > self._limits.total_bytes:
            raise ArchiveRejected(
                "TOO_LARGE",
                f"the files take more than {self._limits.total_bytes} bytes; split the archive",
                path,
            )

    def _member(self, path: str, size: int) -> Iterator[Member]:
        index = self.files - 1
        if size > self._large_bytes:
            chunks = TarChunks(self._feed, size)
            yield Member(index, path, size, None, None, chunks)
            for _ in chunks:  # skip what the caller did not read
                pass
        else:
            data = self._feed.take(size)
            yield Member(index, path, size, isal_zlib.crc32(data), data, None)
        self._feed.take(-size % BLOCK)

    def _next_entry(self, *, is_first: bool) -> tuple[str, int, bool] | None:
        """Path, size and whether it is a directory, from all headers of one entry; None at the end."""
        path: bytes | None = None
        pax = _NO_OVERRIDES
        for _ in range(_MAX_HEADERS_A_FILE):
            header = self._header(is_first=is_first)
            if header is None:
                if path is not None or pax != _NO_OVERRIDES:
                    raise ArchiveRejected(
                        "CORRUPT", "the archive ends between a header and its file; upload it again"
                    )
                return None
            is_first = False
            if header.kind == _LONG_NAME:
                path = self._long_name(header)
            elif header.kind in (_PAX, _SOLARIS_PAX):
                pax = read_pax(self._extension(header, MAX_PAX_BYTES))
            elif header.kind == _GLOBAL_PAX:
                if read_pax(self._extension(header, MAX_PAX_BYTES)) != _NO_OVERRIDES:
                    raise ArchiveRejected(
                        "BAD_ARCHIVE", "a global header sets a name or a size; pack the archive again"
                    )
            else:
                return self._entry(header, path, pax)
        raise ArchiveRejected("BAD_ARCHIVE", "an entry has too many headers; pack the archive again")

    def _entry(self, header: TarHeader, long_name: bytes | None, pax: PaxOverrides) -> tuple[str, int, bool]:
        declared = pax.path is not None and not pax.is_binary
        raw = pax.path if pax.path is not None else header.name if long_name is None else long_name
        size = header.size_bytes if pax.size_bytes is None else pax.size_bytes
        if header.kind not in _FILES and header.kind != _DIRECTORY:
            raise ArchiveRejected(
                "UNSUPPORTED_TYPE",
                "an entry is a link, a device, a pipe or sparse; pack regular files only",
                raw,
            )
        path = safe_path(self._decode(raw, is_utf8=declared), self._limits)
        is_directory = header.kind == _DIRECTORY or path.endswith("/") or not path
        if is_directory and size:
            raise ArchiveRejected("BAD_ARCHIVE", "a directory has content; pack the archive again", raw)
        if is_directory and path and not path.endswith("/"):
            path += "/"
        return path, size, is_directory

    def _header(self, *, is_first: bool) -> TarHeader | None:
        block = bytes(self._feed.take(BLOCK))
        if block == _ZERO_BLOCK:
            self._check_end()
            return None
        if has_checksum(block):
            return parse_header(block)
        if is_first:
            raise ArchiveRejected("BAD_ARCHIVE", "this is not a tar archive")
        raise ArchiveRejected("CORRUPT", "a header does not match its checksum; upload the archive again")

    def _check_end(self) -> None:
        """After the first zero block: a second one, then nothing but zeros."""
        if self._feed.take(BLOCK) != _ZERO_BLOCK:
            raise ArchiveRejected("BAD_ARCHIVE", "there is data after the end of the archive; pack it again")
        left = _MAX_PADDING_BYTES
        while left and (rest := self._feed.some(min(left, MIB))):
            if bytes(rest).count(0) != len(rest):
                raise ArchiveRejected(
                    "BAD_ARCHIVE", "there is data after the end of the archive; pack it again"
                )
            left -= len(rest)
        if not left and self._feed.some(1):
            raise ArchiveRejected("TOO_LARGE", "the archive does not end after its last file; pack it again")

    def _long_name(self, header: TarHeader) -> bytes:
        # One byte more than a path may have, for the NUL after it.
        max_bytes = self._limits.path_bytes + 1
        if header.size_bytes > max_bytes:
            raise ArchiveRejected("BAD_NAME", f"a path is longer than {max_bytes - 1} bytes; shorten it")
        return text_field(self._extension(header, max_bytes))

    def _extension(self, header: TarHeader, max_bytes: int) -> bytes:
        if header.size_bytes > max_bytes:
            raise ArchiveRejected(
                "BAD_ARCHIVE", f"an extended header is larger than {max_bytes} bytes; pack it again"
            )
        data = bytes(self._feed.take(header.size_bytes))
        self._feed.take(-header.size_bytes % BLOCK)
        return data


class TarChunks(Iterator[bytes]):
    """The content of a large member, at most 1 MiB at a time."""

    def __init__(self, feed: ByteFeed, size: int) -> None:
        self.crc32 = 0
        self._feed = feed
        self._left = size

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        chunk = bytes(self._feed.some(min(self._left, MIB)))
        if not chunk:
            raise ArchiveRejected("CORRUPT", "the archive is cut off; upload it again")
        self._left -= len(chunk)
        self.crc32 = isal_zlib.crc32(chunk, self.crc32)
        return chunk
