"""Cut an archive into parts: between members where that is possible, and around contents that a storage copies."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from datacenter.archives.layout import Content, PartPlan


def plan_parts(
    borders: npt.NDArray[np.int64],
    size_bytes: int,
    *,
    target_bytes: int,
    minimum_bytes: int,
    maximum_parts: int,
    copied: Sequence[Content] = (),
) -> list[PartPlan]:
    """See `ArchiveLayout.parts`; `borders` are the offsets where members start and the last one ends.

    Raises:
        ValueError: a target below the minimum or below one byte, or no part allowed.
    """
    if target_bytes < max(1, minimum_bytes) or maximum_parts < 1:
        raise ValueError(
            f"parts of {target_bytes} bytes, at least {minimum_bytes}, at most {maximum_parts} of them"
        )
    target = max(target_bytes, -(-size_bytes // maximum_parts))
    while True:
        # With the target fewer and fewer contents are worth parts of their own, so that a few parts suffice in the end.
        worth = max(target, 2 * minimum_bytes)
        contents = [content for content in copied if content.stop - content.start >= worth]
        cuts = _cuts(borders, size_bytes, target, minimum_bytes, contents)
        parts = list(islice(cuts, maximum_parts + 1))
        if len(parts) <= maximum_parts:
            return [
                PartPlan(number=number, start=start, stop=stop, member=member)
                for number, (start, stop, member) in enumerate(parts, 1)
            ]
        target += target // 4 + 1  # cutting at borders leaves parts smaller than the target


def _cuts(
    borders: npt.NDArray[np.int64], size_bytes: int, target: int, minimum: int, contents: Sequence[Content]
) -> Iterator[tuple[int, int, int | None]]:
    """Where each part starts and stops, and the member that it is copied from."""
    at = 0
    for member, begin, end in contents:
        for start, stop in _written(borders, at, begin, target, minimum):
            # The last one before a copy reaches into the content if it would be too small by itself.
            at = max(stop, start + minimum) if stop == begin else stop
            yield start, at, None
        while (length := min(target, end - at)) >= max(minimum, 1):
            yield at, at + length, member
            at += length
    for start, stop in _written(borders, at, size_bytes, target, minimum):
        yield start, stop, None


def _written(
    borders: npt.NDArray[np.int64], start: int, end: int, target: int, minimum: int
) -> Iterator[tuple[int, int]]:
    """Cut [start, end) at borders into pieces of much the same size, as many workers write them side by side; only the
    last piece may be smaller than the minimum."""
    while start < end:
        even = -(-(end - start) // -(-(end - start) // target))
        stop = min(start + max(even, minimum), end)
        if stop < end:
            near, far = (
                int(borders[np.searchsorted(borders, at, "right") - 1]) for at in (stop, start + target)
            )
            # A small piece, or a member cut that fits, would be worse than one piece of the full size.
            border = near if near - start >= even // 2 else far
            if border - start >= max(minimum, 1):
                stop = border
        yield start, stop
        start = stop
