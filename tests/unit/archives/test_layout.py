"""The promises of every layout: known length, any range, the same bytes, readable by other programs."""

import io
import random
import tarfile
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives.layouts import fetch_from, table_of, whole

from datacenter.archives.errors import MemberMismatch
from datacenter.archives.layout import PIECE_BYTES, Request
from datacenter.archives.tar.layout import TarLayout
from datacenter.archives.zip.layout import ZipLayout

Kind = type[ZipLayout] | type[TarLayout]
LAYOUTS = [ZipLayout, TarLayout]
segments = st.text(st.sampled_from("abc图片0-_. é"), min_size=1, max_size=60).filter(lambda s: s.strip(". "))
names = st.lists(segments, min_size=1, max_size=4).map("/".join)
file_sets = st.dictionaries(names, st.binary(max_size=1500), max_size=12)


def opened(archive: bytes) -> dict[str, bytes]:
    if archive[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(archive)) as reader:
            assert reader.testzip() is None
            return {info.filename: reader.read(info) for info in reader.infolist()}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]  # all are files


@pytest.mark.parametrize("kind", LAYOUTS)
@given(files=file_sets, data=st.data())
def test_any_range_is_the_slice_of_the_whole(
    kind: Kind, files: dict[str, bytes], data: st.DataObject
) -> None:
    layout = kind.from_table(table_of(files))
    archive = whole(layout, fetch_from(files))
    assert len(archive) == layout.size_bytes
    start = data.draw(st.integers(0, len(archive)))
    stop = data.draw(st.integers(start, len(archive) + 10))
    assert b"".join(layout.read(start, stop, fetch_from(files))) == archive[start:stop]


@pytest.mark.parametrize("kind", LAYOUTS)
@given(files=file_sets)
def test_the_standard_library_reads_back_the_same_files_in_order(kind: Kind, files: dict[str, bytes]) -> None:
    layout = kind.from_table(table_of(files))
    read_back = opened(whole(layout, fetch_from(files)))
    assert list(read_back.items()) == list(files.items())


@pytest.mark.parametrize("kind", LAYOUTS)
@given(
    files=file_sets,
    target=st.integers(1, 6000),
    minimum=st.integers(0, 6000),
    maximum=st.integers(1, 50),
)
def test_parts_cover_every_byte_once_within_their_bounds(
    kind: Kind, files: dict[str, bytes], target: int, minimum: int, maximum: int
) -> None:
    layout = kind.from_table(table_of(files))
    parts = layout.parts(max(target, minimum), minimum, maximum)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) <= maximum
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == layout.size_bytes
    assert all(part.size_bytes >= max(minimum, 1) for part in parts[:-1])
    pieces = [b"".join(layout.read(part.start, part.stop, fetch_from(files))) for part in parts]
    assert b"".join(pieces) == whole(layout, fetch_from(files))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_parts_are_cut_between_members_that_fit(kind: Kind) -> None:
    files = {f"{i:03d}": bytes(random.Random(i).randrange(3000)) for i in range(200)}
    layout = kind.from_table(table_of(files))
    borders = {layout.member_offset(i) for i in range(layout.files + 1)}
    cuts = {
        part.stop for part in layout.parts(20_000, 10_000) if part.stop < layout.member_offset(layout.files)
    }
    assert len(cuts) > 10
    assert cuts <= borders


@pytest.mark.parametrize("kind", LAYOUTS)
@given(files=file_sets, start=st.integers(0, 9000), length=st.integers(0, 9000))
def test_members_names_those_with_a_byte_in_the_range(
    kind: Kind, files: dict[str, bytes], start: int, length: int
) -> None:
    layout = kind.from_table(table_of(files))
    first, last = layout.members(start, start + length)
    touched = [
        i
        for i in range(layout.files)
        if max(start, layout.member_offset(i)) < min(start + length, layout.member_offset(i + 1))
    ]
    assert list(range(first, last)) == touched


@pytest.mark.parametrize("kind", LAYOUTS)
def test_many_members_are_asked_for_at_once_and_large_ones_in_pieces(kind: Kind) -> None:
    files = {**{f"{i}": b"x" * 10 for i in range(100)}, "large": bytes(2 * PIECE_BYTES + 5), "empty": b""}
    asked: list[list[Request]] = []

    def fetch(requests: list[Request]) -> Iterator[bytes]:
        asked.append(requests)
        return iter(fetch_from(files)(requests))  # type: ignore[arg-type]  # a fetch gives an iterator

    layout = kind.from_table(table_of(files))
    for _ in layout.read(0, layout.size_bytes, fetch):
        pass
    assert len(asked) == 1
    assert asked[0][:2] == [(0, 0, 10), (1, 0, 10)]
    assert asked[0][100:] == [
        (100, 0, PIECE_BYTES),
        (100, PIECE_BYTES, 2 * PIECE_BYTES),
        (100, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 5),
    ]


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("given_bytes", [b"", b"too short", b"a little too long"])
def test_a_fetch_of_another_length_never_becomes_an_archive(kind: Kind, given_bytes: bytes) -> None:
    layout = kind.from_table(table_of({"a": b"ten bytes!"}))
    with pytest.raises(MemberMismatch):
        list(layout.read(0, layout.size_bytes, lambda requests: iter([given_bytes])))
    with pytest.raises(MemberMismatch):
        list(layout.read(0, layout.size_bytes, lambda requests: iter([])))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_range_that_is_none_is_refused(kind: Kind) -> None:
    layout = kind.from_table(table_of({"a": b"x"}))
    for start, stop in ((-1, 5), (5, 4)):
        with pytest.raises(ValueError, match="range"):
            layout.read(start, stop, fetch_from({"a": b"x"}))
    with pytest.raises(ValueError, match="parts of"):
        layout.parts(5, 6)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_tables_that_are_slices_of_larger_ones_are_laid_out_alike(kind: Kind) -> None:
    files = {f"图/{i}": b"x" * i for i in range(50)}
    some = dict(list(files.items())[20:30])
    sliced = kind.from_table(table_of(files).slice(20, 10))
    alone = kind.from_table(table_of(some))
    assert whole(sliced, fetch_from(some)) == whole(alone, fetch_from(some))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_an_empty_name_is_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match="name"):
        kind.from_table(table_of({"": b"x"}))
