"""Values: rows of the binary protocol as an Arrow array for each column, without a step per value.

A row is a zero, bits that say which columns are NULL, and the values of the others one after another. Where a
value begins depends on those before it, so columns are cut from left to right, each for all rows at once.
Source: https://mariadb.com/kb/en/resultset-row/
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql.constants import FIELD_TYPE, FLAG

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.columns import ServerField
from storage_adapters.mysql.wire import Block, Cut, Positions, Sizes
from storage_adapters.table_storage.text_columns import decode, naming_column

_MAX_SHORT_BYTES = 2**31 - 1

_SHORT = 0xFB
"""A first byte below this is the length itself."""
_WIDE = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of length follow any other."""

_MAX_BIT_BYTES = 8
_BIG_ENDIAN = np.dtype(">u8")

_DAY_SECONDS = 24 * 60 * 60
_SECOND_MICROS = 1_000_000
_LAST_YEAR = 9999

_CLOCK = [("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("micros", "<u4")]
_MOMENT = np.dtype([("size", "u1"), ("year", "<u2"), ("month", "u1"), ("day", "u1"), *_CLOCK])
_MOMENT_SIZES = (0, 4, 7, 11)
_TIME = np.dtype([("size", "u1"), ("is_negative", "u1"), ("days", "<u4"), *_CLOCK])
_TIME_SIZES = (0, 8, 12)

_BITS_BEFORE = 2
"""Bits of the bitmap that belong to no column."""


def decode_rows(
    source: str, schema: pa.Schema, sent: list[ServerField], block: Block
) -> list["pa.Array[Any]"]:
    """The columns `sent`, of which there is at least one row, in the types of the schema.

    Raises:
        ValueUnsupported: a column's type cannot hold a value.
        ServerUntrusted: a row does not have exactly these values.
    """
    bitmap_bytes = (len(sent) + _BITS_BEFORE + 7) // 8
    begins = _within(block, block.begins + 1 + bitmap_bytes)
    arrays = []
    for number, (field, column) in enumerate(zip(schema, sent, strict=True), _BITS_BEFORE):
        bits = block.data[block.begins + 1 + number // 8]
        missing = bits & (1 << number % 8) > 0
        positions = Positions(data=block.data, begins=begins, missing=missing if missing.any() else None)
        with naming_column(source, field):
            values, sizes = _cut_of(column)(positions)
        begins = _within(block, begins + (sizes if positions.missing is None else sizes * ~missing))
        arrays.append(decode(source, field, values))
    if (begins != block.ends).any():
        raise ServerUntrusted("Protocol error: a row has more values than columns.")
    return arrays


def _within(block: Block, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions. Raises: ServerUntrusted: one is after the end of its row."""
    if (positions > block.ends).any():
        raise ServerUntrusted("Protocol error: a row ends within a value.")
    return positions


def _cut_of(column: ServerField) -> Cut:
    """The reader for a column's values."""
    signed, unsigned = _CUTS.get(column.type_code, (cut_bytes, cut_bytes))
    return unsigned if column.flags & FLAG.UNSIGNED else signed


def cut_bytes(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
    """The values as Arrow's `binary`."""
    heads, sizes = _measure(positions)
    begins = positions.begins + heads
    ends = begins + sizes
    if (ends > len(positions.data)).any():
        raise ServerUntrusted("Protocol error: a value ends after the last row.")
    return _gather(positions, begins, ends), heads + sizes


def cut_bits(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
    """The values of BIT(n) as `uint64`; all have one length, the highest bits first."""
    sizes = positions.first_bytes()
    if sizes.max() > _MAX_BIT_BYTES:
        raise ServerUntrusted("Protocol error: a value has more bits than its column.")
    numbers = positions.records(_BIG_ENDIAN, after=1).astype(np.uint64)
    spare = 8 * (_MAX_BIT_BYTES - sizes.astype(np.uint64))
    return positions.array(numbers >> spare), sizes.astype(np.int64) + 1


def _measure(positions: Positions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each value, how many bytes its length takes, and the length; zero where it is NULL."""
    first = positions.first_bytes()
    sizes = first.astype(np.int64)
    heads = np.ones_like(sizes)
    if first.max() >= _SHORT:
        for mark, width in _WIDE.items():
            rows = np.flatnonzero(first == mark)
            if not len(rows):
                continue
            digits = positions.data[positions.begins[rows][:, None] + np.arange(1, width + 1)].astype(
                np.int64
            )
            sizes[rows] = (digits << (8 * np.arange(width))).sum(axis=1)
            heads[rows] += width
        if np.isin(first, (0xFB, 0xFF)).any() or (sizes < 0).any() or (sizes > len(positions.data)).any():
            raise ServerUntrusted("Protocol error: a value has an impossible length.")
    return heads, sizes


def _gather(positions: Positions, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> "pa.Array[Any]":
    """The values as an Arrow array of their own bytes.

    Arrow sees the block as values and the gaps between them in turn, without a copy, and takes every other one.
    """
    # Offsets of 32 bits where they suffice, which is nearly always: they need no second check.
    is_short = len(positions.data) <= _MAX_SHORT_BYTES
    edges = np.empty(2 * len(begins), np.int32 if is_short else np.int64)
    edges[0::2] = begins
    edges[1::2] = ends
    buffers: list[Any] = [None, pa.py_buffer(edges.data), pa.py_buffer(positions.data.data)]
    kind = pa.binary() if is_short else pa.large_binary()
    runs: Any = pa.Array.from_buffers(kind, len(edges) - 1, buffers)
    values: pa.Array[Any] = runs.take(positions.array(np.arange(0, len(edges), 2))).cast(pa.binary())
    return values


def cut_dates(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
    """DATE as `date32`."""
    moments, sizes = _read(positions, _MOMENT, _MOMENT_SIZES)
    return positions.array(_days(positions, moments).astype(np.int32)).view(pa.date32()), sizes


def cut_moments(kind: pa.DataType) -> Cut:
    """A reader of DATETIME and TIMESTAMP as timestamps of the kind, in microseconds."""

    def cut(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
        moments, sizes = _read(positions, _MOMENT, _MOMENT_SIZES)
        micros = _days(positions, moments) * (_DAY_SECONDS * _SECOND_MICROS) + _clock_micros(moments)
        return positions.array(micros).view(kind), sizes

    return cut


def cut_times(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
    """TIME as `time64`; the server's values below zero or beyond a day are an error."""
    times, sizes = _read(positions, _TIME, _TIME_SIZES)
    outside = (times["is_negative"] > 0) | (times["days"] > 0)
    if outside.any():
        time = times[outside][0]
        sign, hours = "-" if time["is_negative"] else "", 24 * int(time["days"]) + int(time["hour"])
        raise pa.ArrowInvalid(
            f"'{sign}{hours:02}:{time['minute']:02}:{time['second']:02}' is not a time of day"
        )
    return positions.array(_clock_micros(times)).view(pa.time64("us")), sizes


def _read(
    positions: Positions, kind: "np.dtype[Any]", legal: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The fields at each position, zero where they are left out, and how many bytes they take."""
    # Fields at the end that are zero are left out by the server: the time of a day at midnight, the fraction of a second.
    records = positions.records(kind)
    sizes = records["size"]
    if not np.isin(sizes, legal).all():
        raise ServerUntrusted("Protocol error: a date or time has an impossible length.")
    if sizes.min() < legal[-1]:
        records.view(np.uint8).reshape(-1, kind.itemsize)[:] &= _kept(kind.itemsize)[sizes]
    return records, sizes.astype(np.int64) + 1


@cache
def _kept(width: int) -> NDArray[np.uint8]:
    """For each length, the bytes of a record of that width that are its own, the length among them."""
    return np.where(np.arange(width) <= np.arange(width)[:, None], 0xFF, 0).astype(np.uint8)


def _clock_micros(records: NDArray[Any]) -> NDArray[np.int64]:
    """The time of day in microseconds. Raises: ServerUntrusted: it is not valid."""
    hours, minutes, seconds, micros = (records[name].astype(np.int64) for name, _ in _CLOCK)
    if hours.max() > 23 or minutes.max() > 59 or seconds.max() > 59 or micros.max() >= _SECOND_MICROS:
        raise ServerUntrusted("Protocol error: a time of day is out of range.")
    return ((hours * 60 + minutes) * 60 + seconds) * _SECOND_MICROS + micros


def _days(positions: Positions, moments: NDArray[Any]) -> NDArray[np.int64]:
    """The days since 1970, any number where it is NULL. Raises: ArrowInvalid: the calendar has no such day."""
    years, months, days = (moments[name].astype(np.int64) for name in ("year", "month", "day"))
    exists = (months >= 1) & (months <= 12) & (years <= _LAST_YEAR)
    number = np.where(exists, years * 12 + months - 1, 0)
    first = _first_days()[number]
    exists &= (days >= 1) & (days <= _first_days()[number + 1] - first)
    if positions.missing is not None:
        exists |= positions.missing
    if not exists.all():
        row = int(np.argmin(exists))
        raise pa.ArrowInvalid(
            f"'{years[row]:04}-{months[row]:02}-{days[row]:02}' is not a date of the calendar"
        )
    return first + days - 1


@cache
def _first_days() -> NDArray[np.int64]:
    """The first day of each month from the year 0 on, counted from 1970, and that after the last month."""
    months = np.arange(12 * (_LAST_YEAR + 1) + 1) - 12 * 1970
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _fixed(name: str) -> Cut:
    kind = np.dtype(name)

    def cut(positions: Positions) -> tuple["pa.Array[Any]", Sizes]:
        return positions.array(positions.records(kind)), kind.itemsize

    return cut


def _either(cut: Cut) -> tuple[Cut, Cut]:
    return cut, cut


_CUTS: Mapping[int, tuple[Cut, Cut]] = {
    FIELD_TYPE.TINY: (_fixed("i1"), _fixed("u1")),
    FIELD_TYPE.SHORT: (_fixed("<i2"), _fixed("<u2")),
    FIELD_TYPE.YEAR: (_fixed("<i2"), _fixed("<u2")),
    FIELD_TYPE.INT24: (_fixed("<i4"), _fixed("<u4")),
    FIELD_TYPE.LONG: (_fixed("<i4"), _fixed("<u4")),
    FIELD_TYPE.LONGLONG: (_fixed("<i8"), _fixed("<u8")),
    FIELD_TYPE.FLOAT: _either(_fixed("<f4")),
    FIELD_TYPE.DOUBLE: _either(_fixed("<f8")),
    FIELD_TYPE.DATE: _either(cut_dates),
    FIELD_TYPE.NEWDATE: _either(cut_dates),
    FIELD_TYPE.DATETIME: _either(cut_moments(pa.timestamp("us"))),
    FIELD_TYPE.TIMESTAMP: _either(cut_moments(pa.timestamp("us", tz="UTC"))),
    FIELD_TYPE.TIME: _either(cut_times),
    FIELD_TYPE.BIT: _either(cut_bits),
}
"""The readers by type, signed and unsigned; values of other types have their length before them."""
