"""What the processes of a data centre cost, read from /proc: processor time and the largest memory so far."""

import os
from contextlib import suppress
from pathlib import Path

from datacenter.cli.embedded.background import Running

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"
"""Source: proc(5), /proc/pid/clear_refs: 5 resets the peak resident set size."""


def by_name(running: Running) -> dict[str, int]:
    """Process ids; the worker's children, which do the work, as `worker 1`, `worker 2` and so on."""
    found: dict[str, int] = {}
    for name, pid in running.processes().items():
        if name == "worker":
            found["worker, parent"] = pid
            found |= {f"worker {number}": child for number, child in enumerate(_children(pid), 1)}
        else:
            found[name] = pid
    return found


def cpu_seconds(running: Running) -> float:
    """Processor time of all processes so far, user and system, ended children included."""
    total = 0
    for pid in by_name(running).values():
        with suppress(OSError):  # a worker's child that was just replaced
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def peaks_mib(running: Running) -> dict[str, float]:
    """The largest resident size of each process since `forget_peaks`, in MiB."""
    found = {}
    for name, pid in by_name(running).items():
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    found[name] = int(line.split()[1]) / 1024
    return found


def forget_peaks(running: Running) -> None:
    """Begin anew with the largest sizes."""
    for pid in by_name(running).values():
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
