"""Measurements: costs, their medians, and rows that compare two sides."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one operation. Wall time decides; processor time shows the load on the machine."""

    seconds: float
    client_cpu_seconds: float = 0.0
    server_cpu_seconds: float = 0.0
    """All processes of the data centre, broker included; for a peer its own process and its children."""

    def __add__(self, other: "Cost") -> "Cost":
        """The cost of both, one after the other."""
        return Cost(
            seconds=self.seconds + other.seconds,
            client_cpu_seconds=self.client_cpu_seconds + other.client_cpu_seconds,
            server_cpu_seconds=self.server_cpu_seconds + other.server_cpu_seconds,
        )

    @property
    def cpu_seconds(self) -> float:
        """Processor time of client and server."""
        return self.client_cpu_seconds + self.server_cpu_seconds


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: the same work by us and by a peer."""

    what: str
    ours: str
    peer: str = "–"
    peer_name: str = ""
    ratio: float | None = None
    """How many times faster ours is, or as `goal` defines it; None without a peer."""
    goal: str = ""
    met: bool | None = None
    our_cpu: str = ""
    peer_cpu: str = ""

    def with_goal(self, goal: str, *, met: bool) -> "Row":
        """The same row with a goal that is not a ratio."""
        return replace(self, goal=goal, met=met)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The results of one scenario: rows, and the largest memory of each process while it ran."""

    rows: Sequence[Row]
    peaks_mib: dict[str, dict[str, float]] = field(default_factory=dict)
    """By operation and by process."""


def in_turn(rounds: int, before: Callable[[], None], *works: Callable[[int], Cost]) -> list[list[Cost]]:
    """Run every work once a round, so that a slow machine slows all of them; costs by work.

    `before` runs before each. A work gets the number of its round.
    """
    results: list[list[Cost]] = [[] for _ in works]
    for number in range(rounds):
        for work, costs in zip(works, results, strict=True):
            before()
            costs.append(work(number))
    return results


def timed(work: Callable[[int], object]) -> Callable[[int], Cost]:
    """The work of this process as a function that returns its cost; the result is freed after the measurement."""

    def run(number: int) -> Cost:
        began, busy = time.perf_counter(), time.process_time()
        result = work(number)
        cost = Cost(seconds=time.perf_counter() - began, client_cpu_seconds=time.process_time() - busy)
        del result
        return cost

    return run


def typical(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        seconds=median(cost.seconds for cost in costs),
        client_cpu_seconds=median(cost.client_cpu_seconds for cost in costs),
        server_cpu_seconds=median(cost.server_cpu_seconds for cost in costs),
    )


def compare(
    what: str,
    *,
    ours: Sequence[Cost],
    peer: Sequence[Cost],
    peer_name: str,
    least_ratio: float | None = None,
    show: Callable[[float], str] | None = None,
) -> Row:
    """A row of wall times; `least_ratio` is the goal, `show` formats the seconds in another way."""
    write = show or (lambda seconds: f"{seconds:.2f} s")
    mine = typical(ours)
    our_cpu = f"{mine.client_cpu_seconds:.1f} + {mine.server_cpu_seconds:.1f}"
    goal = f"≥ {least_ratio:.1f}×" if least_ratio else ""
    if not peer:
        missing = f"{peer_name}: not installed here"
        return Row(what=what, ours=write(mine.seconds), peer_name=missing, goal=goal, our_cpu=our_cpu)
    other = typical(peer)
    ratio = other.seconds / mine.seconds
    return Row(
        what=what,
        ours=write(mine.seconds),
        peer=write(other.seconds),
        peer_name=peer_name,
        ratio=ratio,
        goal=goal,
        met=ratio >= least_ratio if least_ratio else None,
        our_cpu=our_cpu,
        peer_cpu=f"{other.cpu_seconds:.1f}",
    )
