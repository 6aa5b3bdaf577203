"""Special to tar: names and sizes that ustar cannot hold, padding, other programs."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from support.archives.layouts import LayoutFile, fetch_from, fetch_zeros, table_of, whole
from support.archives.reading import unpack

from datacenter.archives.limits import GIB, Limits
from datacenter.archives.tar.layout import RECORD_BYTES, TarLayout

NAMES = ["plain.txt", "a" * 100, "a" * 101, "d/" * 300 + "long", "图片/文件.jpg", "é" * 50, "x" * 5000]


def test_long_and_foreign_names_are_read_back_by_others_and_by_us() -> None:
    files = {name: name.encode() for name in NAMES}
    archive = whole(TarLayout.from_table(table_of(files)), fetch_from(files))
    with tarfile.open(fileobj=io.BytesIO(archive)) as reader:
        assert reader.getnames() == NAMES
    limits = Limits(path_bytes=10_000, segment_bytes=10_000, depth=1000)
    assert unpack(archive, "x.tar", limits).files == files


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 8 * GIB + 1, 100 * GIB])
def test_sizes_beyond_eleven_octal_digits_are_read_back(size: int) -> None:
    table = pa.table({"path": ["a", "图", "last"], "size_bytes": [size, size, 5]})
    layout = TarLayout.from_table(table)
    with tarfile.open(fileobj=LayoutFile(layout, fetch_zeros), mode="r:") as reader:
        assert [(info.name, info.size) for info in reader] == [("a", size), ("图", size), ("last", 5)]


def test_padding_to_whole_records_is_optional() -> None:
    files = {"a": b"x" * 600}
    plain = TarLayout.from_table(table_of(files))
    full = TarLayout.from_table(table_of(files), pad_to_record=True)
    assert plain.size_bytes == 512 + 1024 + 1024
    assert full.size_bytes == RECORD_BYTES
    assert whole(full, fetch_from(files)) == whole(plain, fetch_from(files)).ljust(RECORD_BYTES, b"\0")


@pytest.mark.real
@pytest.mark.parametrize("program", [["tar", "-tf"], ["7z", "l"], ["bsdtar", "-tf"]])
def test_other_programs_open_it(program: list[str], tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    files = {f"图片/{i}.txt": b"x" * i for i in range(300)}
    target = tmp_path / "archive.tar"
    target.write_bytes(whole(TarLayout.from_table(table_of(files)), fetch_from(files)))
    done = subprocess.run([*program, str(target)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
