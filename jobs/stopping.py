"""How a worker's processes learn that they are to stop: one byte of memory that they share."""

import mmap
import time


class StopFlag:
    """Raised by the parent, seen by every child that was forked after it was made."""

    def __init__(self, grace_seconds: float = 10) -> None:
        self._shared = mmap.mmap(-1, 1)
        self._grace_seconds = grace_seconds
        self._seen: float | None = None

    def raise_(self) -> None:
        """Tell every process to take no more shards."""
        self._shared[0] = 1

    def is_raised(self) -> bool:
        """Whether no new shard should be claimed."""
        return self._shared[0] == 1

    def grace_is_over(self) -> bool:
        """Whether a shard that is still running should be handed back now."""
        if not self.is_raised():
            return False
        self._seen = self._seen or time.monotonic()
        return time.monotonic() - self._seen > self._grace_seconds
