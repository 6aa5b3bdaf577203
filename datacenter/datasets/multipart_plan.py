"""The plan of a multipart upload: which parts it has, known before the first of them is sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from datacenter.errors import Invalid
from storage_adapters.object_storage.contract import Capabilities, Part

USUAL_PART_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class PartPlan:
    """`size_bytes` cut into parts of `part_bytes`, the last of which is what is left; of nothing there are none."""

    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size_bytes // self.part_bytes)

    def part(self, number: int) -> Part:
        """The part of this number, from 1 to `count`."""
        offset = (number - 1) * self.part_bytes
        return Part(number=number, offset=offset, length=min(self.part_bytes, self.size_bytes - offset))

    def parts(self) -> Iterator[Part]:
        """All of them, one after the other."""
        return map(self.part, range(1, self.count + 1))


def plan_parts(limits: Capabilities, size_bytes: int, part_bytes: int | None) -> PartPlan:
    """Parts that the storage takes, and so many; of a usual size unless one is asked for. Raises: Invalid."""
    fewest = -(-size_bytes // limits.maximum_parts)
    least = max(limits.minimum_part_bytes, fewest, 1)
    if part_bytes is None:
        part_bytes = max(least, USUAL_PART_BYTES)
    if not least <= part_bytes <= limits.maximum_part_bytes:
        raise Invalid(
            f"part_bytes: {part_bytes} is not possible; for {size_bytes} bytes it must be "
            f"from {least} to {limits.maximum_part_bytes}",
            field="part_bytes",
        )
    return PartPlan(size_bytes=size_bytes, part_bytes=part_bytes)
