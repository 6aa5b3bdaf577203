"""How much a label file may hold before it is refused."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class LabelLimits:
    """Bounds on what reading a label file may cost; the memory needed is a small multiple of `file_bytes`."""

    file_bytes: int = 128 * MIB
    line_bytes: int = MIB
    labels: int = 10_000
    """Different labels in one file."""


DEFAULT_LIMITS = LabelLimits()
