"""A span is read once, in large reads, and every byte is verified."""

import io
import random
import zipfile
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives.raw_zip import DEFLATED, Described, RawZip, file, raw_deflate
from support.archives.reading import BytesSource, content, unpack

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits
from datacenter.archives.zip.index import read_zip_index
from datacenter.archives.zip.span import read_zip_span


def written_by_zipfile(files: dict[str, bytes], *, streamed: bool = False) -> bytes:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return not streamed

        def tell(self) -> int:
            if streamed:
                raise OSError("a pipe has no position")
            return super().tell()

    target = Unseekable()
    with zipfile.ZipFile(target, "w") as writer:
        for i, (name, data) in enumerate(files.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[i % 2]
            with writer.open(info, "w", force_zip64=i % 3 == 0) as member:
                member.write(data)
    return target.getvalue()


def some_files(count: int = 200) -> dict[str, bytes]:
    chance = random.Random(7)
    return {
        f"图/{i}.bin": chance.randbytes(chance.randrange(3000)) * chance.randrange(4) for i in range(count)
    }


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("large_bytes", [16 * MIB, 1000, 0])
def test_what_zipfile_wrote_is_read_back(streamed: bool, large_bytes: int) -> None:
    files = some_files()
    archive = written_by_zipfile(files, streamed=streamed)
    assert unpack(archive, "x.zip", Limits(), large_bytes=large_bytes).files == files


@given(cuts=st.lists(st.integers(0, 40), max_size=4), read_bytes=st.integers(1, 40_000))
def test_any_cut_into_spans_gives_every_file_once(cuts: list[int], read_bytes: int) -> None:
    files = some_files(40)
    source = BytesSource(
        RawZip(entries=[file(name, data, method=DEFLATED) for name, data in files.items()]).build()
    )
    entries = read_zip_index(source, Limits()).entries
    borders = [0, *sorted(cuts), len(files)]
    found = [
        (start + member.index, member.path, content(member))
        for start, stop in pairwise(borders)
        for member in read_zip_span(
            source, entries.slice(start, stop - start), Limits(), read_bytes=read_bytes
        )
    ]
    assert found == [(i, name, data) for i, (name, data) in enumerate(files.items())]


def test_every_byte_is_read_once_in_few_reads() -> None:
    archive = RawZip(entries=[file(f"{i}", bytes(1000)) for i in range(1000)]).build()
    source = BytesSource(archive)
    entries = read_zip_index(source, Limits()).entries
    source.reads.clear()
    for _ in read_zip_span(source, entries, Limits(), read_bytes=300_000):
        pass
    assert len(source.reads) == 4
    assert [start for start, _ in source.reads[1:]] == [start + length for start, length in source.reads[:-1]]
    assert sum(length for _, length in source.reads) == entries["end_offset"][-1].as_py()


def test_directories_are_checked_and_left_out_and_indexes_are_rows() -> None:
    source = BytesSource(RawZip(entries=[file("d/", b""), file("d/a"), file("e/", b""), file("e/b")]).build())
    entries = read_zip_index(source, Limits()).entries
    assert [(member.index, member.path) for member in read_zip_span(source, entries, Limits())] == [
        (1, "d/a"),
        (3, "e/b"),
    ]


def test_a_large_member_comes_in_chunks_of_bounded_size() -> None:
    data = random.Random(1).randbytes(3 * MIB) + bytes(5 * MIB)
    archive = RawZip(entries=[file("large", data, method=DEFLATED), file("small", b"x")]).build()
    source = BytesSource(archive)
    entries = read_zip_index(source, Limits()).entries
    large, small = (
        (member.path, member.crc32, [bytes(chunk) for chunk in member.chunks or [bytes(member.data or b"")]])
        for member in read_zip_span(source, entries, Limits(), large_bytes=MIB, read_bytes=MIB)
    )
    assert b"".join(large[2]) == data
    assert max(map(len, large[2])) <= MIB
    assert small[2] == [b"x"]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_large_member_with_a_wrong_checksum_is_refused_even_if_nobody_reads_it(is_read: bool) -> None:
    wrong = Described(crc=1)
    archive = RawZip(entries=[file("large", bytes(3 * MIB), local=wrong, central=wrong)]).build()
    source = BytesSource(archive)
    entries = read_zip_index(source, Limits()).entries
    members = read_zip_span(source, entries, Limits(), large_bytes=MIB)
    with pytest.raises(ArchiveRejected, match="CORRUPT"):
        list(map(content, members) if is_read else members)


@pytest.mark.parametrize("large_bytes", [16 * MIB, 5])
def test_a_liar_never_makes_more_than_a_mebibyte_beyond_what_it_declares(large_bytes: int) -> None:
    wrong = Described(size=10)
    archive = RawZip(
        entries=[file("liar", bytes(50 * MIB), method=DEFLATED, local=wrong, central=wrong)]
    ).build()
    source = BytesSource(archive)
    entries = read_zip_index(source, Limits()).entries
    made: list[int] = []
    members = read_zip_span(source, entries, Limits(), large_bytes=large_bytes)
    with pytest.raises(ArchiveRejected, match="TOO_LARGE"):
        made.extend(len(chunk) for member in members for chunk in member.chunks or ())
    assert sum(made) <= 10 + MIB


def test_a_member_that_is_far_larger_than_its_packed_bytes_is_not_held_whole() -> None:
    archive = RawZip(entries=[file("mask", bytes(30 * MIB), method=DEFLATED)]).build()
    source = BytesSource(archive)
    entries = read_zip_index(source, Limits()).entries
    (member,) = read_zip_span(source, entries, Limits())
    assert member.data is None
    assert member.chunks is not None


def test_an_archive_that_shrank_since_its_index_was_read_is_corrupt() -> None:
    source = BytesSource(RawZip(entries=[file("a", bytes(5000))]).build())
    entries = read_zip_index(source, Limits()).entries
    source.data = source.data[:3000]
    with pytest.raises(ArchiveRejected, match="CORRUPT"):
        list(read_zip_span(source, entries, Limits()))


def test_packed_bytes_that_are_cut_at_a_read_are_inflated_all_the_same() -> None:
    data = random.Random(3).randbytes(100_000)
    packed = raw_deflate(data)
    archive = RawZip(entries=[file("a", data, method=DEFLATED)]).build()
    for read_bytes in (len(packed) - 1, len(packed), 977):
        source = BytesSource(archive)
        entries = read_zip_index(source, Limits()).entries
        (found,) = (
            content(m)
            for m in read_zip_span(source, entries, Limits(), large_bytes=10, read_bytes=read_bytes)
        )
        assert found == data
