"""The rules for the entries of a zip and their positions, checked for thousands at once."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datacenter.archives.errors import ArchiveCode, ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.zip.directory import DirectoryBatch
from datacenter.archives.zip.records import (
    DEFLATED,
    FLAG_PATCH,
    FLAGS_OF_ENCRYPTION,
    LOCAL_BYTES,
    STORED,
    U16,
)

_TYPE_MASK, _REGULAR, _DIRECTORY = 0o170000, 0o100000, 0o040000
_MAX_DESCRIPTOR = 24

Rows = npt.NDArray[np.bool_]


def check_entries(batch: DirectoryBatch, limits: Limits) -> None:
    """Check encryption, methods, file types and declared sizes.

    Raises:
        ArchiveRejected: ENCRYPTED, UNSUPPORTED, UNSUPPORTED_TYPE, ZIP_AMBIGUOUS or TOO_LARGE.
    """
    flags, method = batch.records["flags"], batch.records["method"]
    kind = (batch.records["external"] >> 16) & _TYPE_MASK
    rules: list[tuple[ArchiveCode, str, Rows]] = [
        (
            "ENCRYPTED",
            "an entry is encrypted; pack it without a password",
            (flags & FLAGS_OF_ENCRYPTION) != 0,
        ),
        ("UNSUPPORTED", "an entry is a patch to another file; pack whole files", (flags & FLAG_PATCH) != 0),
        (
            "UNSUPPORTED",
            "an entry is compressed by another method than deflate; pack it as a plain zip",
            (method != STORED) & (method != DEFLATED),
        ),
        (
            "UNSUPPORTED_TYPE",
            "an entry is a link, a device or a pipe; pack regular files only",
            (kind != 0) & (kind != _REGULAR) & (kind != _DIRECTORY),
        ),
        (
            "ZIP_AMBIGUOUS",
            "a stored entry has two different sizes; pack the archive again",
            (method == STORED) & (batch.sizes != batch.compressed_sizes),
        ),
        (
            "TOO_LARGE",
            f"a file is larger than {limits.entry_bytes} bytes; split it",
            batch.sizes > limits.entry_bytes,
        ),
    ]
    for code, detail, broken in rules:
        if broken.any():
            raise ArchiveRejected(code, detail, batch.names[int(np.argmax(broken))].as_py())


def check_directories(batch: DirectoryBatch, is_directory: Rows) -> None:
    """Check that a directory has no content, and that its name ends in `/`.

    Raises:
        ArchiveRejected: ZIP_AMBIGUOUS.
    """
    kind = (batch.records["external"] >> 16) & _TYPE_MASK
    odd = (is_directory & ((batch.sizes > 0) | (kind == _REGULAR) & (batch.compressed_sizes > 2))) | (
        ~is_directory & (kind == _DIRECTORY)
    )
    if odd.any():
        name = batch.names[int(np.argmax(odd))].as_py()
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS",
            "an entry is marked both as a directory and as a file; pack the archive again",
            name,
        )


def check_extents(
    offsets: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    compressed_sizes: npt.NDArray[np.int64],
    raw_names: "pa.ChunkedArray[Any]",
    name_bytes: npt.NDArray[np.int64],
    directory_offset: int,
) -> None:
    """Check that entries in the order of the archive start at 0 and follow each other.

    The exact gap between two is known only from the local header; here the largest possible gap is allowed.

    Raises:
        ArchiveRejected: OVERLAP or ZIP_AMBIGUOUS.
    """
    beyond = (offsets > directory_offset) | (compressed_sizes > directory_offset)
    if beyond.any():  # checked first, because sums of such numbers would not fit 64 bits
        name = raw_names[int(np.argmax(beyond))].as_py()
        raise ArchiveRejected("OVERLAP", "an entry reaches into the directory; pack the archive again", name)
    if len(offsets) and offsets[0] != 0:
        raise ArchiveRejected("ZIP_AMBIGUOUS", "there is data before the first entry; pack the archive again")
    gaps = ends - offsets - LOCAL_BYTES - name_bytes - compressed_sizes
    if (gaps < 0).any():
        name = raw_names[int(np.argmax(gaps < 0))].as_py()
        raise ArchiveRejected(
            "OVERLAP", "an entry shares its bytes with another; pack the archive again", name
        )
    wide = gaps > U16 + _MAX_DESCRIPTOR
    if wide.any():
        name = raw_names[int(np.argmax(wide))].as_py()
        raise ArchiveRejected(
            "ZIP_AMBIGUOUS", "there is data between two entries; pack the archive again", name
        )
