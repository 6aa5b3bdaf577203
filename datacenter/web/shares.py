"""Limits of the process that its callers share: slots of requests, streams and uploads, and bytes in memory."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from datacenter.web.problems import TooBusy

STATE = "allowance"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who holds something: a subject within its project, or an address that has not said who it is."""

    name: str
    group: str | None = None


class Shares:
    """A limit that is shared out: one caller holds at most as much as is left, a project at most twice as much.

    So a single token gets a half, a single project two thirds, and a newcomer always finds something. Thread-safe.
    """

    def __init__(self, of: str, limit: int) -> None:
        self.of = of
        """What is shared, for the message: `event streams`."""
        self._limit = limit
        self._held = 0
        self._by_name: Counter[str] = Counter()
        self._by_group: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: Caller, amount: int = 1) -> bool:
        """Take some for a caller; nothing is taken if its share does not allow all of it."""
        name, group = caller.name, caller.group
        with self._lock:
            left = self._limit - self._held - amount
            if self._by_name.get(name, 0) + amount > left:
                return False
            if group is not None:
                if self._by_group.get(group, 0) + amount > 2 * left:
                    return False
                self._by_group[group] += amount
            self._by_name[name] += amount
            self._held += amount
            return True

    def give_back(self, caller: Caller, amount: int = 1) -> None:
        """Return some of what the caller took. Callers that hold nothing are forgotten: they are as many as addresses."""
        with self._lock:
            self._held -= amount
            self._by_name[caller.name] -= amount
            if not self._by_name[caller.name]:
                del self._by_name[caller.name]
            if caller.group is not None:
                self._by_group[caller.group] -= amount
                if not self._by_group[caller.group]:
                    del self._by_group[caller.group]


class Allowance:
    """What one request holds of the shared limits; `close` returns all of it. Thread-safe."""

    def __init__(self, buffers: Shares, caller: Caller) -> None:
        self.caller = caller
        self._buffers = buffers
        self._held: Counter[Shares] = Counter()
        self._closed = False
        self._lock = threading.Lock()

    def take(self, shares: Shares, amount: int = 1) -> bool:
        """Take some, to hold it until the end of the request."""
        with self._lock:
            if self._closed or not shares.take(self.caller, amount):
                return False
            self._held[shares] += amount
            return True

    def require(self, shares: Shares, amount: int = 1) -> None:
        """Take some. Raises: TooBusy."""
        if not self.take(shares, amount):
            raise TooBusy(shares.of)

    def give_back(self, shares: Shares, amount: int = 1) -> None:
        """Return some of what this caller took."""
        with self._lock:
            if not self._closed:
                self._held[shares] -= amount
                shares.give_back(self.caller, amount)

    def become(self, caller: Caller) -> None:
        """Return everything; what is taken from now on is taken for another caller."""
        with self._lock:
            self._return_all()
            self.caller = caller

    def take_bytes(self, size_bytes: int) -> bool:
        """Take so many bytes of the memory that all requests may use for what they buffer."""
        return self.take(self._buffers, size_bytes)

    def require_bytes(self, size_bytes: int) -> None:
        """Take so many bytes of that memory. Raises: TooBusy."""
        self.require(self._buffers, size_bytes)

    def give_back_bytes(self, size_bytes: int) -> None:
        """Return so many bytes of that memory."""
        self.give_back(self._buffers, size_bytes)

    def close(self) -> None:
        """Return everything; a thread that still works for the request gets nothing more."""
        with self._lock:
            self._closed = True
            self._return_all()

    def _return_all(self) -> None:
        for shares, amount in self._held.items():
            if amount:
                shares.give_back(self.caller, amount)
        self._held.clear()


def allowance_of(scope: Scope) -> Allowance:
    """The allowance of a request that was admitted."""
    return cast(Allowance, scope["state"][STATE])
