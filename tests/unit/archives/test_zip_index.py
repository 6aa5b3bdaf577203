"""The index of a zip is complete, in the order of the archive, and bounded in memory."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives.raw_zip import RawZip, file
from support.archives.reading import BytesSource

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.zip.index import ENTRY_SCHEMA, read_zip_index

WHOLE = RawZip(
    entries=[file("d/", b""), file("d/a", b"12345"), file("b", b"678")], comment=b"a comment"
).build()


def test_rows_follow_each_other_to_the_directory() -> None:
    index = read_zip_index(BytesSource(WHOLE), Limits())
    assert index.entries.schema == ENTRY_SCHEMA
    rows = index.entries.to_pylist()
    assert [(row["path"], row["size_bytes"], row["is_directory"]) for row in rows] == [
        ("d/", 0, True),
        ("d/a", 5, False),
        ("b", 3, False),
    ]
    assert [row["end_offset"] for row in rows[:-1]] == [row["header_offset"] for row in rows[1:]]
    assert (index.files, index.size_bytes) == (2, 8)


@given(st.integers(4, len(WHOLE) - 1))
def test_cut_at_any_byte_it_is_corrupt(length: int) -> None:
    with pytest.raises(ArchiveRejected) as rejected:
        read_zip_index(BytesSource(WHOLE[:length]), Limits())
    assert rejected.value.code == "CORRUPT"


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_changed_byte_is_refused_or_read_but_never_a_crash(position: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[position] = value
    with contextlib.suppress(ArchiveRejected):
        assert read_zip_index(BytesSource(bytes(data)), Limits()).entries.num_rows == 3


def test_the_directory_is_read_in_pieces_across_which_records_may_lie() -> None:
    entries = [file("目录/" * 30 + f"{i:07d}", b"") for i in range(25_000)]
    source = BytesSource(RawZip(entries=entries).build())
    index = read_zip_index(source, Limits())
    assert index.entries["path"].to_pylist() == [entry.name.decode() for entry in entries]
    assert len(source.reads) < 10
