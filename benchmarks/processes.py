"""The cost of a data centre's processes, read from /proc: processor time and the largest memory so far."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from datacenter.cli.embedded.background import Running

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""Source: proc(5), /proc/pid/clear_refs: 5 resets the peak resident set size."""


def by_name(running: Running) -> dict[str, int]:
    """Process ids; the worker's children, which do the work, as `worker 1`, `worker 2` and so on."""
    pids: dict[str, int] = {}
    for name, pid in running.processes().items():
        if name == "worker":
            pids["worker, parent"] = pid
            pids |= {f"worker {number}": child for number, child in enumerate(_children(pid), 1)}
        else:
            pids[name] = pid
    return pids


def cpu_seconds(running: Running) -> float:
    """Processor time of all processes so far, user and system, ended children included."""
    return cpu_seconds_of(by_name(running).values())


def cpu_seconds_of(pids: Iterable[int]) -> float:
    """Processor time of these processes so far."""
    total = 0
    for pid in pids:
        with suppress(OSError):  # a child of the worker that was just replaced
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def peaks_mib(running: Running) -> dict[str, float]:
    """The largest resident size of each process since `reset_peaks`, in MiB."""
    sizes = {}
    for name, pid in by_name(running).items():
        with suppress(OSError):
            sizes[name] = peak_mib_of(pid)
    return sizes


def peak_mib_of(pid: int) -> float:
    """The same for one process. Raises: OSError when it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def reset_peaks(running: Running) -> None:
    """Reset the largest sizes."""
    for pid in by_name(running).values():
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
