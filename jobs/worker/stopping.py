"""How a worker ends: told once it takes no more shards, and by its deadline what it holds is finished or handed back.

This module is loaded before anything else of a worker: it knows nobody, so that a signal is heard from the first moment.
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
"""After the grace a shard ends at its next look; one that has not looked for so long is handed back from beside it."""
_DEADLINE = struct.Struct("d")


class StopFlag:
    """Raised by the parent, seen by every child that was forked after it was made: the moment by which to have ended.

    The moment is of the clock that all processes of a machine share. Until work begins there is nothing to wait for.
    """

    def __init__(self, grace_seconds: float = 0) -> None:
        self.grace_seconds = grace_seconds
        self._shared = mmap.mmap(-1, _DEADLINE.size)

    def raise_(self) -> None:
        """Tell every process to take no more shards; a second time, to hand back at once what it holds."""
        grace = 0.0 if self.is_raised() else self.grace_seconds
        _DEADLINE.pack_into(self._shared, 0, time.monotonic() + grace)

    def is_raised(self) -> bool:
        """Whether no new shard should be claimed."""
        return self._deadline() > 0

    def grace_is_over(self) -> bool:
        """Whether a shard that is still running should be handed back now."""
        return 0 < self._deadline() <= time.monotonic()

    def is_overdue(self) -> bool:
        """Whether a shard that has not noticed the end of the grace should be handed back without it."""
        return self.grace_is_over() and time.monotonic() >= self._deadline() + STUCK_SECONDS

    def seconds_left(self) -> float:
        """How long a process may still be there that hangs in a call which never returns."""
        return max(0.1, self._deadline() + 2 * STUCK_SECONDS - time.monotonic())

    def _deadline(self) -> float:
        """0 while nobody has raised it."""
        deadline: float = _DEADLINE.unpack_from(self._shared)[0]
        return deadline


STOP = StopFlag()
"""This process's own: signals come to a process, whoever listens in it."""


def handle_signals(stop: StopFlag, on_signal: Callable[[], None], overdue: Callable[[], None]) -> None:
    """From now on signals raise the flag; `on_signal` runs each time, `overdue` once when the process should have ended long ago.

    Both run in this process's main thread, between two steps of whatever it does; `on_signal` at once if one came before.
    """
    parent = os.getpid()

    def heed() -> None:
        signal.setitimer(signal.ITIMER_REAL, stop.seconds_left())
        on_signal()

    def end(_number: int, _frame: FrameType | None) -> None:
        # A fork has these handlers until it sets its own.
        if os.getpid() == parent:
            stop.raise_()
            heed()

    signal.signal(signal.SIGALRM, lambda *_: overdue())
    for number in END_SIGNALS:
        signal.signal(number, end)
    if stop.is_raised():
        heed()
