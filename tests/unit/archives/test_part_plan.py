"""Parts of an archive around the contents that a storage copies: within every limit of S3, and a copy is content only."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives.layouts import fetch_from, table_of, whole

from datacenter.archives.layout import MAX_PARTS, ArchivePartPlan
from datacenter.archives.member_layout import MemberLayout
from datacenter.archives.tar.layout import TarLayout
from datacenter.archives.zip.layout import ZipLayout

Kind = type[ZipLayout] | type[TarLayout]
MIB = 1 << 20
LEAST, TARGET, MOST = 5 * MIB, 64 * MIB, 5 * 1024 * MIB
kinds = pytest.mark.parametrize("kind", [ZipLayout, TarLayout])


def of_sizes(kind: Kind, sizes: list[int]) -> MemberLayout:
    columns = {
        "path": pa.array([f"{number}.bin" for number in range(len(sizes))], pa.string()),
        "size_bytes": pa.array(sizes, pa.int64()),
        "crc32": pa.array([0] * len(sizes), pa.uint32()),
    }
    return kind.from_table(pa.table(columns))


def check_plan(layout: MemberLayout, parts: list[ArchivePartPlan], minimum: int, maximum: int) -> None:
    """Every byte once, in order, within the limits; a copied part is only content of one member."""
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) <= maximum
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == layout.size_bytes
    assert all(part.size_bytes >= max(minimum, 1) for part in parts[:-1])
    contents = {content.member: content for content in layout.contents(1)}
    for part in parts:
        if part.member is not None:
            assert part.size_bytes >= minimum
            assert contents[part.member].start <= part.start < part.stop <= contents[part.member].stop


@kinds
@pytest.mark.parametrize("files", [700, 1500, 2100, 9999])
def test_parts_of_many_small_members_are_of_much_the_same_size(kind: Kind, files: int) -> None:
    """Workers write the parts at the same time, so the largest part decides the time of an export."""
    layout = of_sizes(kind, [4096] * files)

    parts = layout.parts(target_bytes=3 * MIB, minimum_bytes=MIB, maximum_parts=MAX_PARTS)

    sizes = [part.size_bytes for part in parts]
    assert max(sizes) <= 3 * MIB
    assert max(sizes) - min(sizes) <= 3 * 4096


@kinds
@pytest.mark.parametrize("sizes", [[0.92, 0.88], [0.001, 0.9, 0.9]])
def test_members_that_fit_into_a_part_are_not_cut(kind: Kind, sizes: list[float]) -> None:
    layout = of_sizes(kind, [int(size * 3 * MIB) for size in sizes])

    parts = layout.parts(target_bytes=3 * MIB, minimum_bytes=1024, maximum_parts=MAX_PARTS)

    assert len(parts) == 2
    assert parts[1].start == layout.member_offset(len(sizes) - 1)


@kinds
@given(
    sizes=st.lists(st.one_of(st.integers(0, 50), st.integers(0, 5000)), max_size=15),
    target=st.integers(1, 3000),
    minimum=st.integers(0, 600),
    maximum=st.integers(1, 60),
    copied_from=st.integers(1, 3000),
)
def test_parts_keep_the_limits_and_copies_lie_within_contents(
    kind: Kind, sizes: list[int], target: int, minimum: int, maximum: int, copied_from: int
) -> None:
    layout = of_sizes(kind, sizes)
    copied = list(layout.contents(copied_from))

    parts = layout.parts(max(target, minimum), minimum, maximum, copied)

    check_plan(layout, parts, minimum, maximum)
    assert {part.member for part in parts} <= {content.member for content in copied} | {None}


@kinds
def test_contents_are_where_the_bytes_of_the_members_are(kind: Kind) -> None:
    files = {"a": b"small", "图片/b": b"b" * 700, "c" * 120: b"c" * 600, "d": b""}
    layout = kind.from_table(table_of(files))
    archive = whole(layout, fetch_from(files))

    found = {member: archive[start:stop] for member, start, stop in layout.contents(600)}

    assert found == {1: b"b" * 700, 2: b"c" * 600}


@kinds
def test_of_a_large_member_all_is_copied_but_less_than_the_minimum_at_either_end(kind: Kind) -> None:
    layout = of_sizes(kind, [10, 300 * MIB, 100 * MIB, 7, 63 * MIB, 2 * TARGET + LEAST])
    copied = list(layout.contents(TARGET))

    parts = layout.parts(TARGET, LEAST, MAX_PARTS, copied)

    check_plan(layout, parts, LEAST, MAX_PARTS)
    assert max(part.size_bytes for part in parts) <= TARGET
    for member, start, stop in copied:
        spans = [part for part in parts if part.member == member]
        assert spans[0].start - start < LEAST
        assert stop - spans[-1].stop < LEAST
        assert sum(part.size_bytes for part in spans) == spans[-1].stop - spans[0].start
    assert {content.member for content in copied} == {1, 2, 5}


@kinds
@pytest.mark.parametrize("member_bytes", [64 * MIB, 100 * MIB, 900 * MIB])
def test_an_archive_of_a_terabyte_keeps_the_limits_of_s3(kind: Kind, member_bytes: int) -> None:
    layout = of_sizes(kind, [*[1000] * 100, *[member_bytes, 5] * ((1 << 40) // member_bytes)])

    parts = layout.parts(TARGET, LEAST, MAX_PARTS, list(layout.contents(TARGET)))

    check_plan(layout, parts, LEAST, MAX_PARTS)
    assert all(part.size_bytes <= MOST for part in parts)
    written = sum(part.size_bytes for part in parts if part.member is None)
    assert member_bytes < 900 * MIB or written < layout.size_bytes / 50


@kinds
def test_nothing_is_copied_that_the_storage_does_not_hold(kind: Kind) -> None:
    layout = of_sizes(kind, [300 * MIB, 300 * MIB])
    mine = [content for content in layout.contents(TARGET) if content.member == 1]

    parts = layout.parts(TARGET, LEAST, MAX_PARTS, mine)

    assert {part.member for part in parts} == {None, 1}
    assert {part.member for part in layout.parts(TARGET, LEAST)} == {None}
