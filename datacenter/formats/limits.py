"""The limits above which a label file is rejected."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class LabelLimits:
    """Bounds on the cost of reading a label file; it needs a small multiple of `file_bytes` of memory."""

    file_bytes: int = 128 * MIB
    line_bytes: int = MIB
    labels: int = 10_000
    """Different labels in one file."""


DEFAULT_LIMITS = LabelLimits()
