"""Damaged archives are rejected or read, without a crash or an endless loop."""

import contextlib
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives.hostile import PLAIN, PLAIN_TAR
from support.archives.raw_tar import member, pax, tar
from support.archives.raw_zip import DESCRIPTOR, UTF8, RawZip, file
from support.archives.reading import unpack

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits

LIMITS = Limits(entry_bytes=8 * MIB, total_bytes=16 * MIB)
ARCHIVES = {
    "plain.zip": PLAIN.build(),
    "zip64.zip": RawZip(entries=[file("a"), file("图", flags=UTF8 | DESCRIPTOR)], zip64=True).build(),
    "plain.tar": PLAIN_TAR,
    "pax.tar": tar(
        pax({"path": "图片", "size": "7"}), member(b"a"), pax({"comment": "x"}, b"g"), member(b"b")
    ),
    "plain.tar.gz": gzip.compress(PLAIN_TAR),
}
changes = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(
            [
                b"\0",
                b"\xff",
                b"\xff" * 4,
                b"\xff" * 7 + b"\x7f",
                b"PK\1\2",
                b"PK\5\6",
                b" ",
                b"\n",
                b"0",
                b"9",
            ]
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("filename", ARCHIVES)
@given(changes=changes, large_bytes=st.sampled_from([0, MIB]))
@settings(max_examples=200)
def test_a_damaged_archive_is_refused_or_read(
    filename: str, changes: list[tuple[int, bytes, bool]], large_bytes: int
) -> None:
    data = bytearray(ARCHIVES[filename])
    for position, piece, is_inserted in changes:
        start = position % len(data)
        data[start : start if is_inserted else start + len(piece)] = piece
    with contextlib.suppress(ArchiveRejected):
        unpack(bytes(data), filename, LIMITS, large_bytes=large_bytes)
