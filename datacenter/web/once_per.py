"""Once per period: what happens at every request, but is written down at most once in a while."""

import threading
import time
from collections import OrderedDict

MAX_KEYS = 10_000


class OncePer:
    """Whether something is due for a key. Thread-safe; forgets the oldest of many keys."""

    def __init__(self, seconds: float, *, most: int | None = None) -> None:
        """`most` bounds how often anything is due in a period, whatever the keys: an attacker may invent keys."""
        self._seconds = seconds
        self._most = most
        self._last: OrderedDict[str, float] = OrderedDict()
        self._period_began = float("-inf")
        self._in_period = 0
        self._lock = threading.Lock()

    def is_due(self, key: str) -> bool:
        """True once per period for each key."""
        moment = time.monotonic()
        with self._lock:
            if moment - self._last.get(key, float("-inf")) < self._seconds or not self._has_room(moment):
                return False
            self._last[key] = moment
            self._last.move_to_end(key)
            if len(self._last) > MAX_KEYS:
                self._last.popitem(last=False)
            return True

    def _has_room(self, moment: float) -> bool:
        if self._most is None:
            return True
        if moment - self._period_began >= self._seconds:
            self._period_began, self._in_period = moment, 0
        self._in_period += 1
        return self._in_period <= self._most
