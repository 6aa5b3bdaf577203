"""Decompress a tar, in pieces of bounded size."""

import io
from collections.abc import Iterator
from typing import Literal, TypeAlias

import pyarrow as pa
from isal import igzip_lib, isal_zlib

from datacenter.archives.byte_feed import ByteFeed, slices
from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits

TarFormat: TypeAlias = Literal["tar", "tar.gz", "tar.zst"]

_GZIP = 31
_GZIP_START = b"\x1f"
_HEADER_BYTES_AN_ENTRY = 4096
_BadGzip: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stubs declare an instance


def decompressed(chunks: Iterator[bytes], archive_format: TarFormat, limits: Limits) -> Iterator[bytes]:
    """The bytes of the tar, at most 1 MiB at a time (without compression as they come).

    Raises:
        ArchiveRejected: CORRUPT; BAD_ARCHIVE for data after the last gzip member; TOO_LARGE above the largest size
            of an archive within the limits, headers included (`read_tar` counts the files exactly).
    """
    max_bytes = limits.total_bytes + limits.entries * _HEADER_BYTES_AN_ENTRY + 32 * MIB
    made = 0
    for piece in _plain(chunks, archive_format):
        made += len(piece)
        if made > max_bytes:
            raise ArchiveRejected(
                "TOO_LARGE", f"the archive unpacks to more than {max_bytes} bytes; split it"
            )
        yield piece


def _plain(chunks: Iterator[bytes], archive_format: TarFormat) -> Iterator[bytes]:
    if archive_format == "tar.gz":
        return _gunzip(chunks)
    return _unzstd(chunks) if archive_format == "tar.zst" else chunks


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Every gzip member in turn; zeros after the last are padding."""
    decompressor = isal_zlib.decompressobj(_GZIP)
    for rest in slices(chunks):
        while rest:
            if decompressor.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                if not rest.startswith(_GZIP_START):
                    raise ArchiveRejected("BAD_ARCHIVE", "there is data after the gzip stream; pack it again")
                decompressor = isal_zlib.decompressobj(_GZIP)
            try:
                piece = decompressor.decompress(rest, MIB)
            except _BadGzip as error:
                raise _corrupt("gzip") from error
            if piece:
                yield piece
            rest = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
    while not decompressor.eof:
        piece = decompressor.decompress(b"", MIB)
        if not piece:
            raise _corrupt("gzip")
        yield piece


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Every zstd frame in turn. Arrow's reader bounds both sides, notices a missing end, and allows windows up to 128 MiB."""
    packed = _ChunkReader(chunks)
    stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
    while True:
        try:
            piece = stream.read(MIB)
        except OSError as error:
            if packed.failure is not None:
                raise packed.failure from None
            if "too much memory" in str(error):  # zstd's own text; without it the error would be CORRUPT
                raise ArchiveRejected(
                    "UNSUPPORTED", "the zstd window is larger than 128 MiB; pack it with a smaller one"
                ) from error
            raise _corrupt("zstd") from error
        if not piece:
            return
        yield piece


class _ChunkReader(io.RawIOBase):
    """Chunks as a file; keeps a failure of their source apart from bad data."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.failure: Exception | None = None
        self._feed = ByteFeed(chunks)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        try:
            return bytes(self._feed.some(size if size is not None and size > 0 else MIB))
        except Exception as error:
            self.failure = error
            raise


def _corrupt(name: str) -> ArchiveRejected:
    return ArchiveRejected("CORRUPT", f"the {name} stream is damaged or cut off; upload it again")
