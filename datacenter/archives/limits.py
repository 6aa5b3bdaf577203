"""The limits above which an archive is rejected."""

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Upper bounds: the value itself is accepted, one more is rejected."""

    entries: int = 1_000_000
    entry_bytes: int = 50 * GIB
    total_bytes: int = 200 * GIB
    path_bytes: int = 1024
    segment_bytes: int = 255
    depth: int = 64
    index_bytes: int = 256 * MIB
    """The size of a zip's central directory, or of all names of a tar."""
    ratio_warning: int = 100
    ratio_from_bytes: int = 64 * MIB
    """Smaller entries get no warning."""
