"""Reads whole archives from memory the way the import job does: detect, index, span, or one pass."""

from collections.abc import Iterator
from dataclasses import dataclass

from datacenter.archives.detect import detect_format
from datacenter.archives.limits import Limits
from datacenter.archives.member import Member
from datacenter.archives.tar.decompress import decompressed
from datacenter.archives.tar.names import NamesMisread, TarNames
from datacenter.archives.tar.stream import read_tar
from datacenter.archives.zip.index import read_zip_index
from datacenter.archives.zip.span import read_zip_span


class BytesSource:
    """An archive in memory; counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size_bytes = len(data)
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self.data[offset : offset + length]


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """The files of an archive and the warnings about it."""

    files: dict[str, bytes]
    warnings: list[str]


def chunked(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def content(member: Member) -> bytes:
    return bytes(member.data) if member.data is not None else b"".join(member.chunks or ())


def unpack(
    data: bytes,
    filename: str,
    limits: Limits,
    *,
    name_encoding: str | None = None,
    large_bytes: int = 16 * 1024**2,
) -> Unpacked:
    archive_format = detect_format(data[:512], filename)
    if archive_format == "zip":
        source = BytesSource(data)
        index = read_zip_index(source, limits, name_encoding=name_encoding)
        members = read_zip_span(source, index.entries, limits, large_bytes=large_bytes)
        return Unpacked(files={member.path: content(member) for member in members}, warnings=index.warnings)
    names = TarNames(name_encoding)
    while True:
        plain = decompressed(chunked(data), archive_format, limits)
        reader = read_tar(plain, limits, names=names, large_bytes=large_bytes)
        try:
            files = {member.path: content(member) for member in reader}
        except NamesMisread:
            continue
        return Unpacked(files=files, warnings=reader.warnings)
