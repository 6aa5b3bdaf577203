"""How much an archive may hold before it is refused."""

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Upper bounds that are still accepted; one more is refused."""

    entries: int = 1_000_000
    entry_bytes: int = 50 * GIB
    total_bytes: int = 200 * GIB
    path_bytes: int = 1024
    segment_bytes: int = 255
    depth: int = 64
    index_bytes: int = 256 * MIB
    """The central directory of a zip, or the names of a tar, all together."""
    ratio_warning: int = 100
    ratio_from_bytes: int = 64 * MIB
    """Entries below this size are never worth a warning."""
