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
from benchmarks.servers import NotInstalled
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
"""In the order of measurement: up to `delete`, each uses the results of those before.

Scenarios that need a server start a private one.
"""


DEFAULTS: Mapping[str, int] = {"files": 100_000, "million": 1_000_000, "long-mib": 5 * 1024, "rounds": 3}


def main() -> None:
    """Measure the scenarios that the arguments name."""
    arguments = _arguments()
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    machine = facts()
    console.print(*machine, sep="\n")
    rows: list[Row] = []
    peaks: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="datacenter-bench-", dir=arguments.directory) as directory,
        opened(
            Path(directory),
            files=arguments.files,
            million=arguments.million,
            long_mib=arguments.long_mib,
            rounds=arguments.rounds,
        ) as shop,
    ):
        for name in arguments.only:
            began = time.perf_counter()
            try:
                findings = SCENARIOS[name](shop)
            except NotInstalled as reason:
                findings = Findings(rows=[Row(what=name, ours="not measured", peer_name=str(reason))])
            rows += findings.rows
            peaks |= findings.peaks_mib
            print_rows(console, findings.rows)
            console.print(f"measured {name} in {time.perf_counter() - began:.0f} s", style="dim")
        console.print("removing the temporary directory", style="dim")
    print_rows(console, rows)
    if peaks:
        print_peaks(console, peaks)
    if set(arguments.only) == set(SCENARIOS):
        report.write(_command(arguments), machine, rows, peaks)


def _command(arguments: argparse.Namespace) -> str:
    """The command that gives these figures again, without the directory."""
    given = {name: getattr(arguments, name.replace("-", "_")) for name in DEFAULTS}
    options = " ".join(f"--{name} {value}" for name, value in given.items() if value != DEFAULTS[name])
    return f'make bench ARGS="{options}"' if options else "make bench"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure side by side with other programs; a run of all scenarios updates docs/benchmarks.md.",
    )
    parser.add_argument("--only", type=_names, default=list(SCENARIOS), help=", ".join(SCENARIOS))
    parser.add_argument(
        "--files", type=int, default=DEFAULTS["files"], help="files in the archive (%(default)s)"
    )
    parser.add_argument(
        "--million", type=int, default=DEFAULTS["million"], help="files in the large archive (%(default)s)"
    )
    parser.add_argument(
        "--long-mib", type=int, default=DEFAULTS["long-mib"], help="MiB of the long file (%(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=DEFAULTS["rounds"], help="measurements of each scenario (%(default)s)"
    )
    parser.add_argument(
        "--directory", type=Path, help="a directory on the file system to measure (default: a temporary one)"
    )
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(SCENARIOS))
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no scenario {', '.join(unknown)}; use {', '.join(SCENARIOS)}"
        )
    return names


if __name__ == "__main__":
    main()
