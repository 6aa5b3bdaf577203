"""Moments: dates and times of the binary protocol, which stand field by field behind their length.

Fields at the end that are zero are left out by the server: the time of a day at midnight, the fraction of a second.
"""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.places import Cut, Places, Sizes

_DAY_SECONDS = 24 * 60 * 60
_SECOND_MICROS = 1_000_000
_LAST_YEAR = 9999

_CLOCK = [("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("micros", "<u4")]
_MOMENT = np.dtype([("size", "u1"), ("year", "<u2"), ("month", "u1"), ("day", "u1"), *_CLOCK])
_MOMENT_SIZES = (0, 4, 7, 11)
_TIME = np.dtype([("size", "u1"), ("is_negative", "u1"), ("days", "<u4"), *_CLOCK])
_TIME_SIZES = (0, 8, 12)


def cut_dates(places: Places) -> tuple["pa.Array[Any]", Sizes]:
    """DATE as `date32`."""
    moments, sizes = _read(places, _MOMENT, _MOMENT_SIZES)
    return places.array(_days(places, moments).astype(np.int32)).view(pa.date32()), sizes


def cut_moments(kind: pa.DataType) -> Cut:
    """What reads DATETIME and TIMESTAMP as timestamps of the kind, which are of microseconds."""

    def cut(places: Places) -> tuple["pa.Array[Any]", Sizes]:
        moments, sizes = _read(places, _MOMENT, _MOMENT_SIZES)
        micros = _days(places, moments) * (_DAY_SECONDS * _SECOND_MICROS) + _clock_micros(moments)
        return places.array(micros).view(kind), sizes

    return cut


def cut_times(places: Places) -> tuple["pa.Array[Any]", Sizes]:
    """TIME as `time64`; one beyond a day or below zero, which the server has, is no time of day."""
    times, sizes = _read(places, _TIME, _TIME_SIZES)
    outside = (times["is_negative"] > 0) | (times["days"] > 0)
    if outside.any():
        time = times[outside][0]
        sign, hours = "-" if time["is_negative"] else "", 24 * int(time["days"]) + int(time["hour"])
        raise pa.ArrowInvalid(f"'{sign}{hours:02}:{time['minute']:02}:{time['second']:02}' is no time of day")
    return places.array(_clock_micros(times)).view(pa.time64("us")), sizes


def _read(
    places: Places, kind: "np.dtype[Any]", legal: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The fields at each place, zero where they are left out, and how many bytes they take."""
    records = places.records(kind)
    sizes = records["size"]
    if not np.isin(sizes, legal).all():
        raise ServerUntrusted("The server sent a date or a time of impossible length.")
    if sizes.min() < legal[-1]:
        records.view(np.uint8).reshape(-1, kind.itemsize)[:] &= _kept(kind.itemsize)[sizes]
    return records, sizes.astype(np.int64) + 1


@cache
def _kept(width: int) -> NDArray[np.uint8]:
    """For each length, the bytes of a record of that width that are its own, the length among them."""
    return np.where(np.arange(width) <= np.arange(width)[:, None], 0xFF, 0).astype(np.uint8)


def _clock_micros(records: NDArray[Any]) -> NDArray[np.int64]:
    """The time of day in microseconds. Raises: ServerUntrusted: it is none."""
    hours, minutes, seconds, micros = (records[name].astype(np.int64) for name, _ in _CLOCK)
    if hours.max() > 23 or minutes.max() > 59 or seconds.max() > 59 or micros.max() >= _SECOND_MICROS:
        raise ServerUntrusted("The server sent a time that is none.")
    return ((hours * 60 + minutes) * 60 + seconds) * _SECOND_MICROS + micros


def _days(places: Places, moments: NDArray[Any]) -> NDArray[np.int64]:
    """The days since 1970, whatever where it is NULL. Raises: ArrowInvalid: the calendar has no such day."""
    years, months, days = (moments[name].astype(np.int64) for name in ("year", "month", "day"))
    exists = (months >= 1) & (months <= 12) & (years <= _LAST_YEAR)
    number = np.where(exists, years * 12 + months - 1, 0)
    first = _first_days()[number]
    exists &= (days >= 1) & (days <= _first_days()[number + 1] - first)
    if places.missing is not None:
        exists |= places.missing
    if not exists.all():
        row = int(np.argmin(exists))
        raise pa.ArrowInvalid(f"'{years[row]:04}-{months[row]:02}-{days[row]:02}' is no day of the calendar")
    return first + days - 1


@cache
def _first_days() -> NDArray[np.int64]:
    """The first day of each month from the year 0 on, counted from 1970, and that after the last month."""
    months = np.arange(12 * (_LAST_YEAR + 1) + 1) - 12 * 1970
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
