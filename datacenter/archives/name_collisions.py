"""Check that the names of an archive do not collide."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import byte_strings, offsets_and_data, one_chunk, texts
from datacenter.archives.errors import ArchiveRejected, escaped_name
from datacenter.archives.limits import Limits

# Sorts before every character of a path, so that a directory comes right before its content.
_SEPARATOR = "\x01"
_NAMES_AT_ONCE = 65_536


class NameCollisions:
    """Collects paths in batches and compares them once at the end.

    Holds the paths themselves (bounded by `limits.index_bytes`) and, during `check`, a second copy to sort by.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._batches: list[pa.StringArray] = []
        self._bytes = 0

    def add(self, paths: pa.StringArray) -> None:
        """Take checked paths; directories end in `/`.

        Raises:
            ArchiveRejected: TOO_LARGE, the names exceed `limits.index_bytes`.
        """
        self._bytes += pc.sum(pc.binary_length(paths)).as_py() or 0
        if self._bytes > self._limits.index_bytes:
            raise ArchiveRejected(
                "TOO_LARGE",
                f"the names take more than {self._limits.index_bytes} bytes; split the archive",
            )
        self._batches.append(paths)

    def check(self) -> list[str]:
        """Compare all names; returns warnings about names that look the same.

        Raises:
            ArchiveRejected: DUPLICATE, two files with the same name; NAME_COLLISION, a file that is also a directory.
        """
        names = pa.chunked_array(self._batches, pa.string())
        for first, second in _neighbours(names):
            _check_neighbours(first, second)
        return _twin_warnings(names)


def _neighbours(names: "pa.ChunkedArray[Any]") -> Iterator[tuple["pa.Array[Any]", "pa.Array[Any]"]]:
    """Every pair of neighbours in sorted order, in batches (firsts, seconds)."""
    keys = pc.replace_substring(names, "/", _SEPARATOR).cast(pa.binary())
    order = pc.sort_indices(keys)
    for start in range(0, len(keys) - 1, _NAMES_AT_ONCE):
        batch = one_chunk(keys.take(order.slice(start, _NAMES_AT_ONCE + 1)))
        yield batch.slice(0, len(batch) - 1), batch.slice(1)


def _check_neighbours(first: "pa.Array[Any]", second: "pa.Array[Any]") -> None:
    for name in byte_strings(first.filter(pc.equal(first, second))):
        if not name.endswith(_SEPARATOR.encode()):
            raise ArchiveRejected(
                "DUPLICATE", "two files have the same name; rename or remove one", _shown(name)
            )
    # `a` and `a/b` are neighbours, and the second has a separator where the first ends.
    lengths = np.diff(offsets_and_data(first)[0])
    offsets, data = offsets_and_data(second)
    follows = np.minimum(offsets[:-1] + lengths, offsets[-1] - 1)
    candidates = np.flatnonzero((np.diff(offsets) > lengths) & (data[follows] == ord(_SEPARATOR)))
    pairs = zip(byte_strings(first.take(candidates)), byte_strings(second.take(candidates)), strict=True)
    for name, following in pairs:
        if following.startswith(name):
            raise ArchiveRejected(
                "NAME_COLLISION", "a file is also used as a directory; rename one of them", _shown(name)
            )


def _twin_warnings(names: "pa.ChunkedArray[Any]") -> list[str]:
    """A warning if names of files differ only in case or in the Unicode form of their accents (twins)."""
    hashes = np.concatenate([np.zeros(0, np.int64), *map(_folded_hashes, _slices(names))])
    values, counts = np.unique(hashes, return_counts=True)
    twins = len(hashes) - len(values)
    if not twins:
        return []
    repeated = values[counts > 1][:1]
    examples: list[str] = []
    for batch in _slices(names):
        examples += texts(_files(batch).filter(pa.array(_folded_hashes(batch) == repeated)))
    # Twins can look the same, so the example shows all but ASCII as escapes.
    pair = " and ".join(escaped_name(name.encode("ascii", "backslashreplace")) for name in examples[:2])
    return [
        f"names that differ from another only in case or Unicode form: {twins}, such as {pair}; "
        "a case-insensitive storage cannot hold both"
    ]


def _folded_hashes(names: "pa.Array[Any]") -> npt.NDArray[np.int64]:
    """Eight bytes for each file name instead of a second copy of it; equal hashes are twins."""
    compute: Any = pc  # the published type information lacks utf8_normalize
    folded = compute.utf8_normalize(compute.utf8_lower(_files(names)), "NFC")
    return np.fromiter(map(hash, texts(folded)), np.int64, len(folded))


def _files(names: "pa.Array[Any]") -> "pa.Array[Any]":
    return names.filter(pc.invert(pc.ends_with(names, "/")))


def _slices(names: "pa.ChunkedArray[Any]") -> Iterator["pa.Array[Any]"]:
    for chunk in names.chunks:
        for start in range(0, len(chunk), _NAMES_AT_ONCE):
            yield chunk.slice(start, _NAMES_AT_ONCE)


def _shown(key: bytes) -> bytes:
    return key.replace(_SEPARATOR.encode(), b"/")
