"""How a worker stops: after a signal it claims no more shards; by the deadline its shards are finished or handed back.

This module is loaded before the rest of the worker and imports none of it, so that signals are handled from the start.
"""

import mmap
import os
import signal
import struct
import time
from collections.abc import Callable
from types import FrameType

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
STUCK_SECONDS = 5.0
"""After the grace period a shard stops at its next check; without a check for so long, the heartbeat hands it back."""
_DEADLINE = struct.Struct("d")


class StopFlag:
    """The stop deadline, set by the parent and seen by every child that is forked after the flag was made.

    The deadline is on the monotonic clock, which all processes of a machine share. Without grace until work begins.
    """

    def __init__(self, grace_seconds: float = 0) -> None:
        self.grace_seconds = grace_seconds
        self._shared = mmap.mmap(-1, _DEADLINE.size)

    def raise_(self) -> None:
        """Make every process claim no more shards; a second call makes it hand its shard back at once."""
        grace = 0.0 if self.is_raised() else self.grace_seconds
        _DEADLINE.pack_into(self._shared, 0, time.monotonic() + grace)

    def is_raised(self) -> bool:
        """Whether no new shard should be claimed."""
        return self._deadline() > 0

    def grace_is_over(self) -> bool:
        """Whether a shard that is still running should be handed back now."""
        return 0 < self._deadline() <= time.monotonic()

    def is_overdue(self) -> bool:
        """Whether the shard of a hung runner should be handed back by the heartbeat."""
        return self.grace_is_over() and time.monotonic() >= self._deadline() + STUCK_SECONDS

    def seconds_left(self) -> float:
        """How long a process that hangs in a call may still live."""
        return max(0.1, self._deadline() + 2 * STUCK_SECONDS - time.monotonic())

    def _deadline(self) -> float:
        """0 while the flag is not raised."""
        deadline: float = _DEADLINE.unpack_from(self._shared)[0]
        return deadline


STOP = StopFlag()
"""The flag of this process: signals are sent to a process as a whole."""


def handle_signals(stop: StopFlag, on_signal: Callable[[], None], overdue: Callable[[], None]) -> None:
    """Raise the flag at stop signals; `on_signal` runs at each, `overdue` once if the process still lives after the deadline.

    Both run in this process's main thread, between two bytecodes; `on_signal` also at once if the flag is raised already.
    """
    parent = os.getpid()

    def start_countdown() -> None:
        signal.setitimer(signal.ITIMER_REAL, stop.seconds_left())
        on_signal()

    def end(_number: int, _frame: FrameType | None) -> None:
        # A fork has these handlers until it sets its own.
        if os.getpid() == parent:
            stop.raise_()
            start_countdown()

    signal.signal(signal.SIGALRM, lambda *_: overdue())
    for number in END_SIGNALS:
        signal.signal(number, end)
    if stop.is_raised():
        start_countdown()
