"""The machine that the figures are from, without names and paths."""

import os
import platform


def facts() -> list[str]:
    """Cores, memory, system, Python and the load before the first measurement."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{os.cpu_count()} cores, {memory:.0f} GiB memory, {platform.system()} on {platform.machine()}",
        f"Python {platform.python_version()}",
        f"load before the first measurement {os.getloadavg()[0]:.1f}",
    ]
