"""The command `python -m benchmarks`: every scenario in one run, printed, and written into the documentation."""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks import (
    deleting,
    exporting,
    importing,
    long_object,
    million,
    on_ceph,
    on_hdfs,
    on_hive,
    on_mysql,
    report,
    scaling,
    starting,
    streaming,
)
from benchmarks.machine import facts
from benchmarks.measured import Findings, Row
from benchmarks.servers import NotHere
from benchmarks.table import print_peaks, print_rows
from benchmarks.workshop import Workshop, opened

SCENARIOS: Mapping[str, Callable[[Workshop], Findings]] = {
    "import": importing.measure,
    "export": exporting.measure,
    "stream": streaming.measure,
    "start": starting.measure,
    "delete": deleting.measure,
    "million": million.measure,
    "ceph": on_ceph.measure,
    "cos": on_ceph.measure_cos,
    "long": long_object.measure,
    "mysql": on_mysql.measure,
    "hive": on_hive.measure,
    "hdfs": on_hdfs.measure,
    "scale": scaling.measure,
}
"""In the order in which they are measured: up to `delete`, one leaves to the next what it made.

Those that need a server start one of their own.
"""


USUAL: Mapping[str, int] = {"files": 100_000, "million": 1_000_000, "long-mib": 5 * 1024, "rounds": 3}


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    machine = facts()
    console.print(*machine, sep="\n")
    rows: list[Row] = []
    peaks: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="datacenter-bench-", dir=asked.directory) as directory,
        opened(
            Path(directory),
            files=asked.files,
            million=asked.million,
            long_mib=asked.long_mib,
            rounds=asked.rounds,
        ) as shop,
    ):
        for name in asked.only:
            began = time.perf_counter()
            try:
                found = SCENARIOS[name](shop)
            except NotHere as reason:
                found = Findings(rows=[Row(what=name, ours="not measured", peer_name=str(reason))])
            rows += found.rows
            peaks |= found.peaks_mib
            print_rows(console, found.rows)
            console.print(f"measured {name} in {time.perf_counter() - began:.0f} s", style="dim")
        console.print("removing what was made", style="dim")
    print_rows(console, rows)
    if peaks:
        print_peaks(console, peaks)
    if set(asked.only) == set(SCENARIOS):
        report.write(_command(asked), machine, rows, peaks)


def _command(asked: argparse.Namespace) -> str:
    """What to type to get these figures again; where it was measured is nobody's business."""
    given = {name: getattr(asked, name.replace("-", "_")) for name in USUAL}
    arguments = " ".join(f"--{name} {value}" for name, value in given.items() if value != USUAL[name])
    return f'make bench ARGS="{arguments}"' if arguments else "make bench"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure side by side; a run of everything writes docs/benchmarks.md anew.",
    )
    parser.add_argument("--only", type=_names, default=list(SCENARIOS), help=", ".join(SCENARIOS))
    parser.add_argument(
        "--files", type=int, default=USUAL["files"], help="files in the archive (%(default)s)"
    )
    parser.add_argument(
        "--million", type=int, default=USUAL["million"], help="files in the large archive (%(default)s)"
    )
    parser.add_argument(
        "--long-mib", type=int, default=USUAL["long-mib"], help="MiB of the long file (%(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=USUAL["rounds"], help="how often each is measured (%(default)s)"
    )
    parser.add_argument("--directory", type=Path, help="on the file system to be measured (temporary)")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(SCENARIOS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: use {', '.join(SCENARIOS)}")
    return names


if __name__ == "__main__":
    main()
