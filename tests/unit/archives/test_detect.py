"""The content decides the format of an archive, not its name."""

import gzip

import pytest
import zstandard
from support.archives.raw_tar import member, tar
from support.archives.raw_zip import RawZip, file

from datacenter.archives.detect import detect_format
from datacenter.archives.errors import ArchiveRejected

TAR = tar(member(b"a"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (RawZip(entries=[file("a")]).build(), "zip"),
        (RawZip().build(), "zip"),
        (TAR, "tar"),
        (tar(), "tar"),
        (gzip.compress(TAR, mtime=0), "tar.gz"),
        (zstandard.compress(TAR), "tar.zst"),
    ],
    ids=["zip", "empty zip", "tar", "empty tar", "tar.gz", "tar.zst"],
)
def test_the_content_decides_whatever_the_name(data: bytes, expected: str) -> None:
    for filename in ("data", "data.zip", "data.tar", "DATA.TAR.GZ"):
        assert detect_format(data[:512], filename) == expected


def test_a_tar_from_before_ustar_is_known_by_its_checksum() -> None:
    block = bytearray(TAR[:512])
    block[257:265] = bytes(8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert detect_format(bytes(block), "old") == "tar"


@pytest.mark.parametrize(
    "head", [b"", b"MZ" + bytes(600), b"Rar!\x1a\x07\x01\x00", b"BZh9", b"\xfd7zXZ\x00", b"PK"]
)
def test_anything_else_is_refused_with_what_is_accepted(head: bytes) -> None:
    with pytest.raises(ArchiveRejected, match=r"BAD_ARCHIVE.*zip, tar, tar\.gz or tar\.zst") as rejected:
        detect_format(head, "data.bin")
    assert rejected.value.code == "BAD_ARCHIVE"
