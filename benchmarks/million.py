"""A million tiny files in one archive: the times, and the memory, which must not grow with the files."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import material, streaming
from benchmarks.exporting import every_label
from benchmarks.measured import Findings, Row
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop

MAX_MIB = 512
NAME = "a million"


def measure(shop: Workshop) -> Findings:
    """Import and export by the command line, so that its memory is measured, too."""
    archive = material.tiny_files(shop.root / "tiny.zip", shop.million)
    peaks: dict[str, dict[str, float]] = {}
    rows: list[Row] = []

    def record(verb: str, seconds: float, cli_mib: float | None) -> None:
        sizes = peaks_mib(shop.centre.running) | ({"CLI": cli_mib} if cli_mib else {})
        largest = max(sizes, key=lambda name: sizes[name])
        peaks[f"{verb}, {shop.million:,}"] = sizes
        rows.append(
            Row(
                what=f"{verb} of {shop.million:,} files",
                ours=f"{seconds:.1f} s, {largest} {sizes[largest]:.0f} MiB",
                goal=f"each < {MAX_MIB} MiB",
                met=sizes[largest] < MAX_MIB,
            )
        )
        reset_peaks(shop.centre.running)

    shop.settle()
    reset_peaks(shop.centre.running)
    record("upload and import", *_command(shop, "datasets", "import", NAME, str(archive)))
    shop.settle()
    record("export and download", *_command(shop, "export", NAME, "-o", str(shop.root / "tiny-export.zip")))
    shop.settle()
    dataset = shop.centre.client.datasets.find(NAME)
    url, cost = shop.centre.download(dataset, every_label("million"), "stream")
    record("link by stream", cost.seconds, None)
    _, cost = shop.centre.measured(lambda: streaming.fetch(url))
    record("fetching the stream", cost.seconds, None)
    return Findings(rows=rows, peaks_mib=peaks)


def _command(shop: Workshop, *arguments: str) -> tuple[float, float]:
    """Run `datacenter …`; its seconds and its largest memory in MiB. Raises: CalledProcessError."""
    command = [sys.executable, "-m", "datacenter.cli", *arguments]
    began = time.perf_counter()
    with Path(shop.root, "cli.log").open("ab") as log:
        process = subprocess.Popen(command, env=shop.centre.running.environment(), stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return time.perf_counter() - began, used.ru_maxrss / 1024
