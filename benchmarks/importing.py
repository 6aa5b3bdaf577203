"""Import of a zip, from POST to SUCCESS, beside `unzip`; and the upload before it, beside `cp`."""

import shutil
from pathlib import Path

from benchmarks import peers
from benchmarks.centre import Centre, started
from benchmarks.measured import Cost, Findings, Row, compare, in_turn
from benchmarks.processes import forget_peaks, peaks_mib
from benchmarks.workshop import Workshop


def measure(shop: Workshop) -> Findings:
    """Both in their defaults, which leave it to the system when bytes reach the disk; then both waiting for the disk."""
    forget_peaks(shop.centre.running)
    rows = _rows(shop, shop.centre, "", [])
    peaks = peaks_mib(shop.centre.running)
    with started(shop.root / "durable", durable=True) as centre:
        rows += _rows(shop, centre, ", all on disk", ["sync", "-f", "."])[:1]
    return Findings(rows=rows, peaks_mib=peaks)


def _rows(shop: Workshop, centre: Centre, how: str, then: list[str]) -> list[Row]:
    uploads: list[Cost] = []

    def import_it(number: int) -> Cost:
        shop.between()
        upload, cost = centre.upload(shop.archive)
        uploads.append(cost)
        shop.between()
        dataset, cost = centre.import_upload(f"import {number}{how}", upload)
        centre.delete(dataset)
        return cost

    def unzip(number: int) -> Cost:
        target = shop.empty_directory(f"unzip {number}")
        shop.between()
        cost = peers.run(["unzip", "-q", shop.archive], *([then] if then else []), cwd=target)
        shutil.rmtree(target)
        return cost

    def copy(number: int) -> Cost:
        shop.between()
        target = shop.root / f"copy {number}"
        cost = peers.run(["cp", shop.archive, target], cwd=shop.root)
        target.unlink()
        return cost

    files = f"{shop.files:,} files"
    if not shop.has("unzip"):
        imports, copies = in_turn(shop.rounds, import_it, copy)
        unzips: list[Cost] = []
    else:
        imports, unzips, copies = in_turn(shop.rounds, import_it, unzip, copy)
    name = " ".join(["unzip -q", *(["&&", *then] if then else [])])
    return [
        compare(f"import of {files}{how}", ours=imports, peer=unzips, peer_name=name, least_ratio=1.0),
        compare(f"upload of their zip, {_mib(shop.archive)}", ours=uploads, peer=copies, peer_name="cp"),
    ]


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:,.0f} MiB"
