"""The plan of a multipart upload covers every byte once, and the storage takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.datasets.uploads.multipart import USUAL_PART_BYTES, plan_upload_parts
from datacenter.errors import Invalid
from storage_adapters.object_storage.contract import Capabilities

LIMITS = Capabilities(minimum_part_bytes=5 << 20, maximum_part_bytes=5 << 30, maximum_parts=10_000)
LARGEST = LIMITS.maximum_part_bytes * LIMITS.maximum_parts


@given(size=st.integers(0, LARGEST))
def test_parts_of_the_usual_size_cover_every_byte_once_within_the_storages_limits(size: int) -> None:
    planned = plan_upload_parts(LIMITS, size, None)

    assert planned.count <= LIMITS.maximum_parts
    assert planned.part_bytes >= USUAL_PART_BYTES
    for number in {1, planned.count // 2, planned.count - 1} & set(range(1, planned.count)):
        part, following = planned.part(number), planned.part(number + 1)
        assert LIMITS.minimum_part_bytes <= part.length <= LIMITS.maximum_part_bytes
        assert part.offset + part.length == following.offset
    if planned.count:
        last = planned.part(planned.count)
        assert last.length > 0
        assert last.offset + last.length == size
    else:
        assert size == 0


@given(size=st.integers(0, 1000), part_bytes=st.integers(1, 1000))
def test_parts_of_the_size_that_was_asked_for_follow_one_another(size: int, part_bytes: int) -> None:
    end = 0
    for number, part in enumerate(plan_upload_parts(Capabilities(), size, part_bytes).parts(), start=1):
        assert (part.number, part.offset) == (number, end)
        end += part.length
    assert end == size


@pytest.mark.parametrize(
    ("size", "part_bytes"),
    [
        (1, LIMITS.minimum_part_bytes - 1),
        (1, LIMITS.maximum_part_bytes + 1),
        (10_000 * (5 << 20) + 1, 5 << 20),
        (LARGEST + 1, None),
    ],
)
def test_a_plan_that_the_storage_would_refuse_is_refused_first(size: int, part_bytes: int | None) -> None:
    with pytest.raises(Invalid) as refused:
        plan_upload_parts(LIMITS, size, part_bytes)
    assert refused.value.field == "part_bytes"
