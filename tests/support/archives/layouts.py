"""Layouts over files in memory, and a layout as a file that other programs' readers can open."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from datacenter.archives.crc import crc32
from datacenter.archives.layout import ArchiveLayout, Fetch, Request
from datacenter.archives.zip.layout import ZipLayout


def table_of(files: Mapping[str, bytes]) -> pa.Table:
    return pa.table(
        {
            "path": pa.array(files.keys(), pa.string()),
            "size_bytes": pa.array(map(len, files.values()), pa.int64()),
            "crc32": pa.array(map(crc32, files.values()), pa.uint32()),
        }
    )


def fetch_from(files: Mapping[str, bytes]) -> Fetch:
    contents = list(files.values())

    def fetch(requests: list[Request]) -> Iterator[bytes]:
        for member, start, stop in requests:
            yield contents[member][start:stop]

    return fetch


def fetch_zeros(requests: list[Request]) -> Iterator[bytes]:
    """Members of any size that hold nothing but zeros."""
    for _, start, stop in requests:
        yield bytes(stop - start)


def whole(layout: ArchiveLayout, fetch: Fetch) -> bytes:
    return b"".join(layout.read(0, layout.size_bytes, fetch))


class LayoutFile(io.RawIOBase):
    """A laid out archive as a file that exists nowhere."""

    def __init__(self, layout: ArchiveLayout, fetch: Fetch) -> None:
        self._layout, self._fetch, self._position = layout, fetch, 0
        self.size_bytes = layout.size_bytes

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self.size_bytes)[whence]
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        stop = self.size_bytes if size is None or size < 0 else min(self._position + size, self.size_bytes)
        data = b"".join(self._layout.read(self._position, max(stop, self._position), self._fetch))
        self._position += len(data)
        return data


class LayoutSource:
    """A laid out archive as a `Source` of the readers."""

    def __init__(self, layout: ArchiveLayout, fetch: Fetch) -> None:
        self._file = LayoutFile(layout, fetch)
        self.size_bytes = layout.size_bytes

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


def zip_of_empty_files(count: int, target: Path) -> None:
    """A zip of so many empty files in a hundred folders."""
    table = pa.table(
        {
            "path": [f"train/class_{i % 100:03d}/image_{i:07d}.jpg" for i in range(count)],
            "size_bytes": pa.array([0] * count, pa.int64()),
            "crc32": pa.array([0] * count, pa.uint32()),
        }
    )
    layout = ZipLayout.from_table(table)
    with target.open("wb") as archive:
        archive.writelines(layout.read(0, layout.size_bytes, fetch_zeros))
