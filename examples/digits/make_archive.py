"""The 1,797 handwritten digits as labelled PNG files in a zip: the same bytes on every machine."""

import csv
import gzip
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).with_name("digits.csv.gz")
SIDE = 8
SCALE = 4
WHITE = 16
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a zip; a fixed time keeps the archive the same."""


def digits() -> Iterator[tuple[int, str, bytes]]:
    """Each digit's line number, label and PNG bytes."""
    with gzip.open(SOURCE, "rt", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            *pixels, label = (int(float(cell)) for cell in row)
            yield number, str(label), png(pixels)


def png(pixels: list[int]) -> bytes:
    """A square grayscale PNG of an image of 8 × 8 pixels from 0 to 16 (format: RFC 2083)."""
    gray = [pixel * 255 // WHITE for pixel in pixels]
    lines = [
        bytes(value for value in gray[start : start + SIDE] for _ in range(SCALE))
        for start in range(0, SIDE * SIDE, SIDE)
    ]
    unfiltered = b"".join((b"\0" + line) * SCALE for line in lines)
    header = struct.pack(">IIBBBBB", SIDE * SCALE, SIDE * SCALE, 8, 0, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", _stored(unfiltered)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def write_archive(
    target: Path, *, labels: frozenset[str] | None = None, name: str = "{label}/digit-{number:04}.png"
) -> int:
    """Write the digits with these labels (None: all of them) into a zip; the number of files in it."""
    count = 0
    with zipfile.ZipFile(target, "w") as archive:
        for number, label, image in digits():
            if labels is None or label in labels:
                archive.writestr(zipfile.ZipInfo(name.format(label=label, number=number), OLDEST), image)
                count += 1
    return count


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream without compression: builds of zlib compress the same input differently (RFC 1950, 1951)."""
    block = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF) + data
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(data))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_archive.py TARGET.zip")
    print(f"{write_archive(Path(sys.argv[1])):,} files in {sys.argv[1]}")
