"""Cut an archive into parts, between members where that is possible."""

import numpy as np
import numpy.typing as npt

from datacenter.archives.layout import PartPlan


def plan_parts(
    borders: npt.NDArray[np.int64],
    size_bytes: int,
    *,
    target_bytes: int,
    minimum_bytes: int,
    maximum_parts: int,
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
        cuts = _cuts(borders, size_bytes, target, minimum_bytes, maximum_parts)
        if cuts is not None:
            pairs = zip([0, *cuts], cuts, strict=False)
            return [PartPlan(number=i, start=start, stop=stop) for i, (start, stop) in enumerate(pairs, 1)]
        target += target // 4 + 1  # cutting at borders leaves parts smaller than the target


def _cuts(
    borders: npt.NDArray[np.int64], size_bytes: int, target: int, minimum: int, maximum_parts: int
) -> list[int] | None:
    """Where each part ends, or None if there would be too many."""
    cuts: list[int] = []
    start = 0
    while start < size_bytes:
        if len(cuts) == maximum_parts:
            return None
        stop = start + target
        if stop >= size_bytes:
            stop = size_bytes
        else:
            border = int(borders[np.searchsorted(borders, stop, "right") - 1])
            if border - start >= max(minimum, 1):
                stop = border
        cuts.append(stop)
        start = stop
    return cuts
