"""A tar is read in one pass, from any writer and in chunks of any size."""

import gzip
import io
import random
import tarfile
import zlib
from collections.abc import Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from support.archives.raw_tar import member, tar
from support.archives.reading import chunked, content, unpack

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits
from datacenter.archives.tar.decompress import TarFormat, decompressed
from datacenter.archives.tar.stream import read_tar

FILES = {f"图片/d{'x' * (i % 130)}/{i}.bin": random.Random(i).randbytes(i * 37 % 2000) for i in range(150)}


def written_by_tarfile(files: dict[str, bytes], tar_format: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tar_format) as writer:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mtime, info.uname, info.mode = len(data), 1_700_000_000.5, "somebody", 0o4755
            writer.addfile(info, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("large_bytes", [16 * MIB, 100])
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.zst"])
def test_what_tarfile_wrote_is_read_back(tar_format: int, large_bytes: int, suffix: str) -> None:
    plain = written_by_tarfile(FILES, tar_format)
    archive = {"tar": bytes, "tar.gz": gzip.compress, "tar.zst": zstandard.compress}[suffix](plain)
    unpacked = unpack(archive, f"x.{suffix}", Limits(), large_bytes=large_bytes)
    assert unpacked.files == FILES


@given(
    sizes=st.lists(st.integers(30, 5000), min_size=1, max_size=5),
    large_bytes=st.sampled_from([0, 700, 10_000]),
)
def test_it_does_not_matter_how_the_bytes_are_cut(sizes: list[int], large_bytes: int) -> None:
    files = {name: FILES[name] for name in list(FILES)[:8]}
    archive = written_by_tarfile(files, tarfile.PAX_FORMAT)

    def chunks() -> Iterator[bytes]:
        position = 0
        while position < len(archive):
            for size in sizes:
                yield archive[position : position + size]
                position += size

    found = {}
    for one in read_tar(chunks(), Limits(), large_bytes=large_bytes):
        data = content(one)
        found[one.path] = data
        assert one.crc32 == zlib.crc32(data)
        assert one.size_bytes == len(data)
    assert found == files


def test_single_bytes_make_the_same_files() -> None:
    archive = tar(member(b"a", b"first"), member(b"b", b""), member(b"c", bytes(513)))
    found = {one.path: content(one) for one in read_tar(chunked(archive, 1), Limits(), large_bytes=300)}
    assert found == {"a": b"first", "b": b"", "c": bytes(513)}


def test_counts_and_warnings_are_complete_once_it_is_read() -> None:
    reader = read_tar(chunked(tar(member(b"A"), member(b"d/", b"", b"5"), member(b"a"))), Limits())
    assert [(one.index, one.path) for one in reader] == [(0, "A"), (1, "a")]
    assert (reader.files, reader.size_bytes) == (2, 14)
    assert len(reader.warnings) == 1


def test_what_is_left_of_a_large_member_is_read_past() -> None:
    archive = tar(member(b"large", bytes(5000)), member(b"next"))
    paths = []
    for one in read_tar(chunked(archive), Limits(), large_bytes=10):
        paths.append(one.path)
        if one.path == "large":
            assert one.chunks is not None
            next(one.chunks)
    assert paths == ["large", "next"]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.zst"])
def test_a_failure_of_the_source_is_not_taken_for_a_bad_archive(suffix: TarFormat) -> None:
    plain = written_by_tarfile(FILES, tarfile.PAX_FORMAT)
    archive = {"tar": bytes, "tar.gz": gzip.compress, "tar.zst": zstandard.compress}[suffix](plain)

    def chunks() -> Iterator[bytes]:
        yield archive[: len(archive) // 2]
        raise ConnectionError("the storage went away")

    with pytest.raises(ConnectionError, match="went away"):
        list(read_tar(decompressed(chunks(), suffix, Limits()), Limits()))


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.zst"])
def test_a_bomb_is_unpacked_in_pieces_and_stopped_at_its_header(suffix: TarFormat) -> None:
    bomb = tar(member(b"bomb", bytes(60 * MIB)))
    archive = gzip.compress(bomb, 1) if suffix == "tar.gz" else zstandard.compress(bomb)
    made = []

    def counted() -> Iterator[bytes]:
        for piece in decompressed(chunked(archive), suffix, Limits()):
            made.append(len(piece))
            yield piece

    with pytest.raises(ArchiveRejected, match="TOO_LARGE"):
        list(read_tar(counted(), Limits(total_bytes=50 * MIB)))
    assert sum(made) <= MIB


def test_endless_output_that_is_no_file_at_all_ends_too() -> None:
    with pytest.raises(ArchiveRejected, match="TOO_LARGE"):
        for _ in decompressed(
            chunked(gzip.compress(bytes(40 * MIB), 1)), "tar.gz", Limits(entries=1, total_bytes=1)
        ):
            pass
