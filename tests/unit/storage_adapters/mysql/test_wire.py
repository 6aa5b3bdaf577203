"""Rows are found in a stream of packets, and whatever is no row ends them or is refused."""

import pymysql
import pytest
from support.tables.binary_rows import END, TIME_LIMIT, packets, row, stream

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql import wire
from storage_adapters.mysql.wire import Block, RowScanner


def rows_of(block: Block) -> list[bytes]:
    places = zip(block.begins.tolist(), block.ends.tolist(), strict=True)
    return [block.data[begin:end].tobytes() for begin, end in places]


@pytest.mark.parametrize("size", [7, 8, 9, 16, 17, 24])
def test_a_row_of_several_packets_is_one_row(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(wire, "_PACKET_MAX_BYTES", 8)
    rows = [row([bytes(range(1, size - 1))]), row([b"y"]), row([b"z" * 20])]
    assert len(rows[0]) == size
    sent = b"".join(packets(sent, 8) for sent in [*rows, END])
    scanner = RowScanner()
    for place in range(len(sent)):
        scanner.feed(sent[place : place + 1])
    assert scanner.finished
    assert rows_of(scanner.take()) == rows


def test_blocks_are_cut_at_the_same_rows_however_they_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BLOCK_ROWS", 3)
    monkeypatch.setattr(wire, "BLOCK_BYTES", 40)
    sent = stream(row([b"x" * size]) for size in (1, 1, 1, 30, 1, 1, 1, 1))
    for step in (1, 7, len(sent)):
        scanner, sizes = RowScanner(), []
        for start in range(0, len(sent), step):
            scanner.feed(sent[start : start + step])
            while scanner.full:
                sizes.append(scanner.take().rows)
                scanner.feed(b"")
        assert scanner.finished
        assert [*sizes, scanner.take().rows] == [3, 2, 3, 0]


@pytest.mark.parametrize("step", [1, 5])
def test_an_error_in_the_middle_of_rows_is_raised_once_it_is_whole(step: int) -> None:
    scanner, sent = RowScanner(), stream([row([b"a"])], end=TIME_LIMIT)
    almost = sent[:-1]
    for start in range(0, len(almost), step):
        scanner.feed(almost[start : start + step])
    with pytest.raises(pymysql.Error, match=r"max_statement_time exceeded\)"):
        scanner.feed(sent[-1:])


@pytest.mark.parametrize("packet", [b"", b"\x01", b"\xfb/etc/passwd", b"\xfc" + bytes(20)])
def test_a_packet_that_is_neither_a_row_nor_an_end_is_refused(packet: bytes) -> None:
    scanner = RowScanner()
    with pytest.raises(ServerUntrusted):
        scanner.feed(stream([row([b"a"]), packet]))
