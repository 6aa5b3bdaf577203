"""Rows as a server of MySQL sends them in the binary protocol, written without the code that reads them."""

import datetime as dt
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PACKET_MAX_BYTES = 0xFFFFFF
END = b"\xfe\0\0\x02\0"
TIME_LIMIT = (
    b"\xff"
    + (1969).to_bytes(2, "little")
    + b"#70100Query execution was interrupted (max_statement_time exceeded)"
)


@dataclass(frozen=True)
class ServerColumn:
    """A column as the protocol describes it."""

    type_code: int
    flags: int = 0
    charsetnr: int = 45
    length: int = 11
    scale: int = 0
    name: str = "c"


def packets(payload: bytes, max_bytes: int = PACKET_MAX_BYTES) -> bytes:
    """The payload behind its length, in several packets if it is long."""
    pieces = [payload[start : start + max_bytes] for start in range(0, len(payload) + 1, max_bytes)]
    return b"".join(len(piece).to_bytes(3, "little") + b"\x07" + piece for piece in pieces)


def row(values: Sequence[bytes | None]) -> bytes:
    """A row of values that are encoded already, None for NULL."""
    bits = sum(1 << number for number, value in enumerate(values, 2) if value is None)
    bitmap = bits.to_bytes((len(values) + 9) // 8, "little")
    return b"\0" + bitmap + b"".join(value for value in values if value is not None)


def counted(value: bytes) -> bytes:
    """Bytes behind their length."""
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + value
    return b"\xfe" + size.to_bytes(8, "little") + value


def moment(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micros: int = 0
) -> bytes:
    """A date with a time of day; zeros at the end are left out."""
    fields = struct.pack("<HBBBBBI", year, month, day, hour, minute, second, micros)
    return _shortened(fields, (0, 4, 7, 11))


def of_day(value: dt.date) -> bytes:
    """A date."""
    return moment(value.year, value.month, value.day)


def of_moment(value: dt.datetime) -> bytes:
    """A date with a time of day."""
    return moment(*value.timetuple()[:6], value.microsecond)


def span(
    *, negative: bool = False, days: int = 0, hour: int = 0, minute: int = 0, second: int = 0, micros: int = 0
) -> bytes:
    """A TIME; zeros at the end are left out."""
    return _shortened(struct.pack("<BIBBBI", negative, days, hour, minute, second, micros), (0, 8, 12))


def of_time(value: dt.time) -> bytes:
    """A time of day as TIME."""
    return span(hour=value.hour, minute=value.minute, second=value.second, micros=value.microsecond)


def stream(rows: Iterable[bytes], end: bytes = END) -> bytes:
    """Rows and what ends them, each in its packets."""
    return b"".join(map(packets, [*rows, end]))


def _shortened(fields: bytes, sizes: tuple[int, ...]) -> bytes:
    needed = len(fields.rstrip(b"\0"))
    size = min(size for size in sizes if size >= needed)
    return bytes([size]) + fields[:size]
