"""Places: where the values of one column are in the bytes of a block, and whole columns of fixed widths read from there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Sizes: TypeAlias = "NDArray[np.int64] | int"
"""How many bytes the value of each row takes, or that of every row; of one that is NULL it means nothing."""

Cut: TypeAlias = "Callable[[Places], tuple[pa.Array[Any], Sizes]]"
"""What reads the values at their places.

Raises:
    pyarrow.ArrowInvalid: one has no form in Arrow.
    ServerUntrusted: one cannot be a value.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where each row's value begins; at least `wire.SPARE_BYTES` follow. `missing` tells the rows where it is NULL, if any."""

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    missing: NDArray[np.bool_] | None

    def records(self, kind: "np.dtype[Any]", *, after: int = 0) -> NDArray[Any]:
        """What lies `after` so many bytes of each place as one record of the kind, all zero where the value is NULL."""
        # A view in which a record begins at every byte, of which the wanted ones are copied.
        width = kind.itemsize
        everywhere = np.ndarray((len(self.data) - width + 1,), f"V{width}", self.data.data, strides=(1,))
        found = everywhere[self.begins + after].view(kind)
        if self.missing is not None:
            found[self.missing] = np.zeros((), kind)
        return found

    def first_bytes(self) -> NDArray[np.uint8]:
        """The first byte of each value, zero where it is NULL."""
        found = self.data[self.begins]
        if self.missing is not None:
            found[self.missing] = 0
        return found

    def array(self, values: NDArray[Any]) -> "pa.Array[Any]":
        """A value for each place as an Arrow array that has NULL where it is missing."""
        found: pa.Array[Any] = pa.array(values, mask=self.missing)
        return found
