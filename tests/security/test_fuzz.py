"""A minute of fuzzing: whatever the bytes, a reader reads them or rejects them with its own error, within its bounds."""

import contextlib
import gzip
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.archives.hostile import PLAIN, PLAIN_TAR
from support.archives.raw_tar import member, pax, tar
from support.archives.raw_zip import DESCRIPTOR, UTF8, RawZip, file
from support.archives.reading import unpack

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import MIB, Limits
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.registry import FORMATS, reader_for

pytestmark = pytest.mark.real

SECONDS = 15.0
EXAMPLES = 500
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
LABEL_FILES = {
    "jsonl": '{"path": "a/1.png", "labels": ["cat", "图"], "annotation": {"x": [1, 2.5e3]}}\n{"path": "b.png"}\n'.encode(),
    "csv": 'path,labels,annotation\na/1.png,cat|图,"{""x"": 1}"\n\'=b.png,"[""a|b""]",\n'.encode("utf-8-sig"),
}
PIECES = (
    b"\0",
    b"\xff",
    b"\xff" * 4,
    b"\x7f" + b"\xff" * 7,
    b"PK\1\2",
    b"PK\5\6",
    b" ",
    b"\n",
    b"\r",
    b'"',
    b"{",
    b"[" * 500,
    b",",
    b"\xef\xbb\xbf",
    b"\x1f\x8b",
    b"9" * 30,
    b"\xed\xa0\x80",
    b"'",
    b"=",
)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1 << 20), st.one_of(st.sampled_from(PIECES), st.binary(max_size=16)), st.integers(0, 2)
    ),
    min_size=1,
    max_size=6,
)


def changed(data: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    """The data with pieces inserted, written over it, or cut out."""
    result = bytearray(data)
    for position, piece, how in changes:
        start = position % max(1, len(result))
        result[start : start if how == 0 else start + len(piece)] = b"" if how == 2 else piece
    return bytes(result)


def fuzz(inputs: st.SearchStrategy[Any], read: Callable[[Any], None]) -> None:
    """Run `read` on generated inputs for `SECONDS`; it fails with the smallest input that it finds."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def run(value: Any) -> None:
        read(value)

    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        run()


def test_archives() -> None:
    def read(value: tuple[str, list[tuple[int, bytes, int]], int]) -> None:
        filename, changes, large_bytes = value
        with contextlib.suppress(ArchiveRejected):
            unpack(changed(ARCHIVES[filename], changes), filename, LIMITS, large_bytes=large_bytes)

    fuzz(st.tuples(st.sampled_from(sorted(ARCHIVES)), CHANGES, st.sampled_from([0, MIB])), read)


def test_label_files() -> None:
    assert LABEL_FILES.keys() == FORMATS.keys(), "each format needs an example here"

    def read(value: tuple[str, list[tuple[int, bytes, int]], int]) -> None:
        name, changes, size = value
        data = changed(LABEL_FILES[name], changes)
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        with contextlib.suppress(LabelsInvalid):
            reader_for(name)(chunks, "base/")

    fuzz(st.tuples(st.sampled_from(sorted(LABEL_FILES)), CHANGES, st.integers(1, 64)), read)
