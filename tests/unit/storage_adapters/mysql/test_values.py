"""Rows of the binary protocol become columns of Arrow, all rows of a block at once."""

import datetime as dt
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE, FLAG
from support.tables.binary_rows import (
    ServerColumn,
    counted,
    moment,
    of_day,
    of_moment,
    of_time,
    packets,
    row,
    span,
    stream,
)

from storage_adapters.errors import ServerUntrusted, ValueUnsupported
from storage_adapters.mysql.columns import read_columns
from storage_adapters.mysql.values import decode_rows
from storage_adapters.mysql.wire import SPARE_BYTES, Block, RowScanner

TEXT = ServerColumn(FIELD_TYPE.VAR_STRING)
BYTES = ServerColumn(FIELD_TYPE.BLOB, charsetnr=63)
LONG_BYTES = st.sampled_from([b"x" * 250, b"x" * 251, b"y" * 65535, b"y" * 65536])


@dataclass(frozen=True)
class Kind:
    """A column, values it may have, and how the server writes one."""

    column: ServerColumn
    values: st.SearchStrategy[Any]
    encode: Callable[[Any], bytes]


def packed(form: str) -> Callable[[Any], bytes]:
    return struct.Struct(form).pack


def integer(code: int, form: str, bits: int) -> list[Kind]:
    signed = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    unsigned = st.integers(0, 2**bits - 1)
    return [
        Kind(ServerColumn(code), signed, packed(f"<{form}")),
        Kind(ServerColumn(code, FLAG.UNSIGNED), unsigned, packed(f"<{form.upper()}")),
    ]


KINDS = [
    *integer(FIELD_TYPE.TINY, "b", 8),
    *integer(FIELD_TYPE.SHORT, "h", 16),
    *integer(FIELD_TYPE.LONG, "i", 32),
    *integer(FIELD_TYPE.LONGLONG, "q", 64),
    Kind(ServerColumn(FIELD_TYPE.INT24), st.integers(-(2**23), 2**23 - 1), packed("<i")),
    Kind(ServerColumn(FIELD_TYPE.YEAR, FLAG.UNSIGNED), st.just(0) | st.integers(1901, 2155), packed("<H")),
    Kind(ServerColumn(FIELD_TYPE.FLOAT), st.floats(width=32, allow_nan=False), packed("<f")),
    Kind(ServerColumn(FIELD_TYPE.DOUBLE), st.floats(allow_nan=False), packed("<d")),
    Kind(
        ServerColumn(FIELD_TYPE.NEWDECIMAL, length=12, scale=2),
        st.integers(-(10**10) + 1, 10**10 - 1).map(lambda number: Decimal(number).scaleb(-2)),
        lambda value: counted(str(value).encode()),
    ),
    Kind(ServerColumn(FIELD_TYPE.DATE), st.dates(), of_day),
    Kind(ServerColumn(FIELD_TYPE.DATETIME), st.datetimes(), of_moment),
    Kind(ServerColumn(FIELD_TYPE.TIMESTAMP), st.datetimes(timezones=st.just(dt.UTC)), of_moment),
    Kind(ServerColumn(FIELD_TYPE.TIME), st.times(), of_time),
    Kind(
        ServerColumn(FIELD_TYPE.BIT, length=12),
        st.integers(0, 2**12 - 1),
        lambda value: counted(value.to_bytes(2, "big")),
    ),
    Kind(
        ServerColumn(FIELD_TYPE.BIT, length=64),
        st.integers(0, 2**64 - 1),
        lambda value: counted(value.to_bytes(8, "big")),
    ),
    Kind(ServerColumn(FIELD_TYPE.BIT, length=1), st.booleans(), lambda value: counted(bytes([value]))),
    Kind(TEXT, st.text(max_size=20), lambda value: counted(value.encode())),
    Kind(BYTES, st.binary(max_size=20) | LONG_BYTES, counted),
    Kind(ServerColumn(FIELD_TYPE.NULL), st.none(), counted),
]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Kind], list[tuple[Any, ...]]]:
    """Columns of any kinds and rows of them, NULL in any place."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=20))
    rows = st.lists(st.tuples(*(st.none() | kind.values for kind in kinds)), min_size=1, max_size=10)
    return kinds, draw(rows)


@given(table=tables(), cuts=st.lists(st.integers(1, 400), min_size=1, max_size=10))
def test_what_was_sent_is_what_is_read_in_whatever_pieces_it_arrives(
    table: tuple[list[Kind], list[tuple[Any, ...]]], cuts: list[int]
) -> None:
    kinds, rows = table
    columns = [kind.column for kind in kinds]
    sent = stream(
        row([write(kind, value) for kind, value in zip(kinds, values, strict=True)]) for values in rows
    )
    found: list[list[Any]] = [[] for _ in kinds]
    scanner = RowScanner()
    start = step = 0
    while not scanner.finished:
        assert start < len(sent)
        size = cuts[step % len(cuts)]
        scanner.feed(sent[start : start + size])
        start, step = start + size, step + 1
        if step % 3 == 0 or scanner.finished:
            block = scanner.take()
            for values, array in zip(found, decode(columns, block) if block.rows else [], strict=False):
                array.validate(full=True)
                values += array.to_pylist()
    assert found == [list(values) for values in zip(*rows, strict=True)]


def write(kind: Kind, value: Any) -> bytes | None:
    return None if value is None else kind.encode(value)


def decode(columns: list[ServerColumn], block: Block) -> list[pa.Array]:
    return decode_rows("d.t", read_columns("d.t", columns), columns, block)


def block_of(*rows: bytes) -> Block:
    """Rows as one block."""
    ends = list(accumulate(map(len, rows)))
    begins = [end - len(row) for end, row in zip(ends, rows, strict=True)]
    data = np.frombuffer(b"".join(rows) + bytes(SPARE_BYTES), np.uint8)
    return Block(data=data, begins=np.array(begins), ends=np.array(ends))


def read_one(column: ServerColumn, value: bytes) -> Any:
    """What a value that the server wrote so is read as, between two that are NULL."""
    (array,) = decode([column], block_of(row([None]), row([value]), row([None])))
    assert array[0].as_py() is array[2].as_py() is None
    return array[1].as_py()


def test_a_float_has_every_digit() -> None:
    assert read_one(ServerColumn(FIELD_TYPE.FLOAT), struct.pack("<f", 16777217.0)) == 16777216.0
    smallest = struct.unpack("<f", b"\x01\0\0\0")[0]
    assert read_one(ServerColumn(FIELD_TYPE.FLOAT), b"\x01\0\0\0") == smallest


def test_a_long_value_of_every_form_of_length_is_read() -> None:
    for size in (0, 250, 251, 65535, 65536, 0xFFFFFF, 0x1000000):
        assert read_one(BYTES, counted(bytes(size))) == bytes(size)


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        (FIELD_TYPE.DATE, moment(0, 0, 0), "0000-00-00"),
        (FIELD_TYPE.DATE, moment(2024, 2, 0), "2024-02-00"),
        (FIELD_TYPE.DATE, moment(2023, 2, 29), "2023-02-29"),
        (FIELD_TYPE.DATE, moment(2024, 13, 1), "2024-13-01"),
        (FIELD_TYPE.DATE, moment(10000, 1, 1), "10000-01-01"),
        (FIELD_TYPE.DATETIME, moment(0, 0, 0), "0000-00-00"),
        (FIELD_TYPE.DATETIME, moment(2024, 0, 1, 12), "2024-00-01"),
        (FIELD_TYPE.TIMESTAMP, moment(0, 0, 0), "0000-00-00"),
        (FIELD_TYPE.TIME, span(days=34, hour=22, minute=59, second=59), "838:59:59"),
        (FIELD_TYPE.TIME, span(negative=True, hour=1), "-01:00:00"),
    ],
)
def test_a_value_arrow_cannot_have_names_its_column_and_itself(code: int, value: bytes, shown: str) -> None:
    with pytest.raises(ValueUnsupported, match=rf"'c' of d\.t .*'{shown}'"):
        read_one(ServerColumn(code), value)


def test_text_that_is_not_utf_8_names_its_column() -> None:
    with pytest.raises(ValueUnsupported, match=r"'c' of d\.t"):
        read_one(TEXT, counted(b"\xff"))


def test_a_leap_day_and_the_bounds_of_the_calendar_are_read() -> None:
    for day in (dt.date(1, 1, 1), dt.date(1900, 2, 28), dt.date(2000, 2, 29), dt.date(9999, 12, 31)):
        assert read_one(ServerColumn(FIELD_TYPE.DATE), of_day(day)) == day


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (FIELD_TYPE.DATE, b"\x03\xe8\x07\x01"),
        (FIELD_TYPE.DATETIME, b"\xff" + bytes(12)),
        (FIELD_TYPE.DATETIME, moment(2024, 1, 1, 24)),
        (FIELD_TYPE.DATETIME, moment(2024, 1, 1, 0, 0, 0, 1_000_000)),
        (FIELD_TYPE.TIME, b"\x05" + bytes(5)),
        (FIELD_TYPE.TIME, span(minute=60)),
        (FIELD_TYPE.BIT, counted(bytes(9))),
        (FIELD_TYPE.BLOB, b"\xfb"),
        (FIELD_TYPE.BLOB, b"\xff"),
        (FIELD_TYPE.BLOB, b"\xfd\xff\xff\xff"),
        (FIELD_TYPE.BLOB, b"\xfe" + b"\xff" * 8),
    ],
)
def test_what_cannot_be_a_value_is_refused(code: int, value: bytes) -> None:
    with pytest.raises(ServerUntrusted):
        read_one(ServerColumn(code), value)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0",
        b"\0\0",
        row([counted(b"a")]),
        row([counted(b"a"), b"\x05b"]),
        row([counted(b"a"), counted(b"b"), counted(b"c")]),
        row([counted(b"a"), None]) + b"\0",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_that_is_not_two_values_is_refused(broken: bytes, place: int) -> None:
    rows = [row([counted(b"a"), counted(b"b")])] * 2
    rows.insert(place, broken)
    with pytest.raises(ServerUntrusted):
        decode([BYTES, BYTES], block_of(*rows))


def test_a_number_that_ends_behind_the_last_row_is_refused() -> None:
    with pytest.raises(ServerUntrusted):
        decode([ServerColumn(FIELD_TYPE.LONGLONG)], block_of(row([b"\x01\x02"])))


def test_a_column_that_is_sent_in_another_type_than_it_was_described_in_is_read_or_named() -> None:
    wanted = read_columns("d.t", [ServerColumn(FIELD_TYPE.LONGLONG)])
    block = block_of(row([counted(b"42")]))
    assert decode_rows("d.t", wanted, [TEXT], block)[0].to_pylist() == [42]
    with pytest.raises(ValueUnsupported, match=r"'c' of d\.t"):
        decode_rows("d.t", wanted, [TEXT], block_of(row([counted(b"x")])))


def test_rows_keep_their_values_when_their_bytes_are_gone() -> None:
    scanner = RowScanner()
    scanner.feed(packets(row([counted(b"first")])))
    (array,) = decode([BYTES], scanner.take())
    scanner.feed(packets(row([counted(b"other")])))
    scanner.take()
    assert array.to_pylist() == [b"first"]
