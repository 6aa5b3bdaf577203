"""Special to zip: every case of zip64, deflated members, other programs."""

import io
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from support.archives.layouts import LayoutFile, LayoutSource, fetch_from, fetch_zeros, table_of, whole
from support.archives.raw_zip import raw_deflate

from datacenter.archives.limits import GIB, Limits
from datacenter.archives.zip.index import read_zip_index
from datacenter.archives.zip.layout import ZipLayout
from datacenter.archives.zip.span import read_zip_span

U32 = 0xFFFFFFFF


def sparse(sizes: list[int]) -> pa.Table:
    return pa.table(
        {
            "path": [f"文件/{i:07d}" for i in range(len(sizes))],
            "size_bytes": pa.array(sizes, pa.int64()),
            "crc32": pa.array([zlib.crc32(bytes(size)) if size < 1000 else 1 for size in sizes], pa.uint32()),
        }
    )


@pytest.mark.parametrize("count", [65_534, 65_535, 65_536, 65_537])
def test_counts_around_the_limit_of_the_short_record_are_read_back(count: int) -> None:
    table = sparse([0] * count)
    layout = ZipLayout.from_table(table)
    archive = whole(layout, fetch_zeros)
    with zipfile.ZipFile(io.BytesIO(archive)) as reader:
        assert len(reader.infolist()) == count
        assert reader.infolist()[-1].filename == f"文件/{count - 1:07d}"
    index = read_zip_index(LayoutSource(layout, fetch_zeros), Limits())
    assert index.entries["path"].to_pylist() == table["path"].to_pylist()


SIZES = [
    [5 * GIB, 3, 4],
    [3, 5 * GIB, 0, 7],
    [U32 - 1, 5],
    [U32, 5],
    [U32 + 1, 5],
    [2 * GIB, 2 * GIB, 2 * GIB, 9],
    [3, U32 - 200, 1, 1, 1],
    [60 * GIB, 0, 60 * GIB, 1],
]


@pytest.mark.parametrize("sizes", SIZES)
def test_members_and_offsets_beyond_4_gib_are_found_by_others_and_by_us(sizes: list[int]) -> None:
    layout = ZipLayout.from_table(sparse(sizes))
    archive = LayoutFile(layout, fetch_zeros)
    with zipfile.ZipFile(archive) as reader:
        assert [info.file_size for info in reader.infolist()] == sizes
        assert [info.header_offset for info in reader.infolist()] == [
            layout.member_offset(i) for i in range(len(sizes))
        ]
        for info in reader.infolist():
            with reader.open(info) as member:
                assert member.read(min(info.file_size, 10)) == bytes(min(info.file_size, 10))
    limits = Limits(entry_bytes=100 * GIB)
    source = LayoutSource(layout, fetch_zeros)
    index = read_zip_index(source, limits)
    assert index.entries["size_bytes"].to_pylist() == sizes
    for i, size in enumerate(sizes):
        if size < 1000:
            (member_read,) = read_zip_span(source, index.entries.slice(i, 1), limits)
            assert member_read.data == bytes(size)


def test_ranges_around_every_border_of_a_large_archive_are_consistent() -> None:
    layout = ZipLayout.from_table(sparse([3, 5 * GIB, 4, 5 * GIB, 5]))
    for member in range(6):
        border = layout.member_offset(member)
        around = b"".join(layout.read(max(border - 50, 0), border + 150, fetch_zeros))
        single = [
            b"".join(layout.read(i, i + 1, fetch_zeros)) for i in range(max(border - 50, 0), border + 150)
        ]
        assert around == b"".join(single)


def test_parts_of_a_large_archive_stay_within_what_object_storages_accept() -> None:
    layout = ZipLayout.from_table(sparse([200 * GIB, *[1000] * 5000, 7 * GIB]))
    parts = layout.parts(64 * 1024**2, 5 * 1024**2)
    assert len(parts) <= 10_000
    assert all(5 * 1024**2 <= part.size_bytes <= 5 * GIB for part in parts[:-1])
    assert sum(part.size_bytes for part in parts) == layout.size_bytes


def test_members_that_are_deflated_already_are_taken_as_they_are() -> None:
    files = {"a.txt": b"text " * 1000, "b.jpg": b"\xff\xd8 as it is", "c.txt": b""}
    packed = {"a.txt": raw_deflate(files["a.txt"]), "b.jpg": files["b.jpg"], "c.txt": raw_deflate(b"")}
    table = table_of(files)
    table = table.append_column("stored_size", pa.array(map(len, packed.values()), pa.int64()))
    table = table.append_column("method", pa.array([8, 0, 8], pa.uint16()))
    archive = whole(ZipLayout.from_table(table), fetch_from(packed))
    with zipfile.ZipFile(io.BytesIO(archive)) as reader:
        assert reader.testzip() is None
        assert {name: reader.read(name) for name in reader.namelist()} == files


def test_a_stored_member_of_two_sizes_is_refused() -> None:
    table = table_of({"a": b"abc"}).append_column("stored_size", pa.array([2], pa.int64()))
    with pytest.raises(ValueError, match="own size"):
        ZipLayout.from_table(table.append_column("method", pa.array([0], pa.uint16())))


@pytest.mark.real
@pytest.mark.parametrize("program", [["unzip", "-tq"], ["7z", "t"], ["bsdtar", "-tf"]])
def test_other_programs_open_it(program: list[str], tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    files = {f"图片/{i}.txt": b"x" * i for i in range(300)}
    target = tmp_path / "archive.zip"
    target.write_bytes(whole(ZipLayout.from_table(table_of(files)), fetch_from(files)))
    done = subprocess.run([*program, str(target)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
