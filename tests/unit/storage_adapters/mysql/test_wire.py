"""Rows of the text protocol are cut into columns, all rows of a block at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.wire import cut_columns

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


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[VALUES] * n), min_size=1, max_size=30)))
def test_what_was_sent_is_what_is_read(rows: list[tuple[bytes | None, ...]]) -> None:
    sent = [b"".join(map(encode, row)) for row in rows]
    columns = cut_columns(sent, len(rows[0]))
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
    with pytest.raises(ServerUntrusted):
        cut_columns([b"\x01a\x01b", row, b"\x01a\x01b"], 2)
