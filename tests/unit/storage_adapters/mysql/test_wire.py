"""Rows of the text protocol are cut into columns, all rows of a block at once."""

from itertools import accumulate

import numpy as np
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql import wire
from storage_adapters.mysql.wire import Block, RowScanner, cut_columns

VALUES = st.one_of(
    st.none(), st.binary(max_size=20), st.sampled_from([b"x" * 250, b"x" * 251, b"y" * 65536, b"z" * 70000])
)


def encode(value: bytes | None) -> bytes:
    """A value as the server sends it."""
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


def packets(payload: bytes, most_bytes: int = 0xFFFFFF) -> bytes:
    """The payload behind its length, in several packets if it is long."""
    pieces = [payload[start : start + most_bytes] for start in range(0, len(payload) + 1, most_bytes)]
    return b"".join(len(piece).to_bytes(3, "little") + b"\0" + piece for piece in pieces)


def block_of(rows: list[bytes]) -> Block:
    """Rows as one block, even if a scanner would close it before the last of them."""
    sent = [packets(row) for row in rows]
    ends = list(accumulate(map(len, sent)))
    begins = [end - len(row) for end, row in zip(ends, rows, strict=True)]
    return Block(data=b"".join(sent), begins=np.array(begins), ends=np.array(ends))


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[VALUES] * n), min_size=1, max_size=30)))
def test_what_was_sent_is_what_is_read(rows: list[tuple[bytes | None, ...]]) -> None:
    sent = [b"".join(map(encode, row)) for row in rows]
    columns = cut_columns(block_of(sent), len(rows[0]))
    assert [column.to_pylist() for column in columns] == [list(column) for column in zip(*rows, strict=True)]
    for column in columns:
        column.validate(full=True)


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"\x01a",
        b"\x01a\x05b",
        b"\x01a\x01b\x01c",
        b"\x01a\xff",
        b"\x01a\xfc\xff\xff",
        b"\x01a\xfe" + b"\xff" * 8,
    ],
)
def test_a_row_that_is_not_two_values_is_refused(row: bytes) -> None:
    rows = [b"\x01a\x01b", row, b"\x01a\x01b"]
    whole = b"".join(rows)
    ends = [sum(map(len, rows[: number + 1])) for number in range(3)]
    begins = [end - len(row) for end, row in zip(ends, rows, strict=True)]
    with pytest.raises(ServerUntrusted):
        cut_columns(Block(data=whole, begins=np.array(begins), ends=np.array(ends)), 2)


@given(st.lists(st.binary(max_size=20), max_size=20), st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_rows_are_found_in_whatever_pieces_they_arrive(values: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(packets(encode(value)) for value in values) + packets(b"\xfe\0\0\x02\0")
    scanner = RowScanner()
    found = []
    start = step = 0
    while not scanner.finished:
        assert start < len(sent)
        size = cuts[step % len(cuts)]
        scanner.feed(sent[start : start + size])
        start, step = start + size, step + 1
        if step % 3 == 0 or scanner.finished:
            block = scanner.take()
            found += cut_columns(block, 1)[0].to_pylist() if block.rows else []
    assert found == values


@pytest.mark.parametrize("size", [7, 8, 9, 16, 17])
def test_a_row_of_several_packets_is_one_row(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(wire, "_PACKET_MAX_BYTES", 8)
    rows = [encode(b"x" * (size - 1)), encode(b"y"), encode(b"z" * 20)]
    sent = b"".join(packets(row, 8) for row in rows)
    scanner = RowScanner()
    for place in range(len(sent)):
        scanner.feed(sent[place : place + 1])
    block = scanner.take()
    assert cut_columns(block, 1)[0].to_pylist() == [b"x" * (size - 1), b"y", b"z" * 20]


def test_blocks_are_cut_at_the_same_rows_however_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BLOCK_ROWS", 3)
    monkeypatch.setattr(wire, "BLOCK_BYTES", 40)
    sent = b"".join(packets(encode(b"x" * size)) for size in (1, 1, 1, 30, 1, 1, 1, 1)) + packets(
        b"\xfe\0\0\x02\0"
    )
    for step in (1, 7, len(sent)):
        scanner, sizes = RowScanner(), []
        for start in range(0, len(sent), step):
            scanner.feed(sent[start : start + step])
            while scanner.full:
                sizes.append(scanner.take().rows)
                scanner.feed(b"")
        assert scanner.finished
        assert [*sizes, scanner.take().rows] == [3, 2, 3, 0]


def test_an_error_in_the_middle_of_rows_is_raised() -> None:
    scanner = RowScanner()
    scanner.feed(packets(encode(b"a")))
    with pytest.raises(pymysql.Error, match="interrupted"):
        scanner.feed(packets(b"\xff\x25\x05#70100interrupted"))
