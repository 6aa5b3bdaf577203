"""Import of a zip, from POST to SUCCESS, beside `unzip`; and the upload before it, beside `cp`."""

from pathlib import Path

from benchmarks import peers
from benchmarks.centre import Centre, started
from benchmarks.measured import Cost, Findings, Row, compare, in_turn
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop
from datacenter.client import Dataset


def measure(shop: Workshop) -> Findings:
    """Both with their defaults, which do not wait for the disk; then both with all bytes on the disk."""
    reset_peaks(shop.centre.running)
    rows = _rows(shop, shop.centre, shop.datasets, "", [])
    peaks = peaks_mib(shop.centre.running)
    with started(shop.root / "durable", default={"options": {"durable": True}}) as centre:
        rows += _rows(shop, centre, [], ", all on disk", ["sync", "-f", "."])[:1]
    return Findings(rows=rows, peaks_mib={"import": peaks})


def _rows(shop: Workshop, centre: Centre, made: list[Dataset], how: str, then: list[str]) -> list[Row]:
    uploads: list[Cost] = []

    def import_it(number: int) -> Cost:
        upload, cost = centre.upload(shop.archive)
        uploads.append(cost)
        shop.settle()
        dataset, cost = centre.import_upload(f"import {number}", upload)
        made.append(dataset)
        return cost

    def unzip(number: int) -> Cost:
        target = shop.empty_directory(f"unzip {number}{how}")
        shop.trees.append(target)
        return peers.run(["unzip", "-q", shop.archive], *([then] if then else []), cwd=target)

    def copy(number: int) -> Cost:
        return peers.run(["cp", shop.archive, shop.root / f"copy {number}{how}"], cwd=shop.root)

    imports, copies, *unzips = in_turn(
        shop.rounds, shop.settle, import_it, copy, *([unzip] if peers.is_installed("unzip") else [])
    )
    name = " ".join(["unzip -q", *(["&&", *then] if then else [])])
    what = f"import of {shop.files:,} files{how}"
    goal = None if then else 1.0
    return [
        compare(what, ours=imports, peer=unzips[0] if unzips else [], peer_name=name, least_ratio=goal),
        compare(f"upload of their zip, {_mib(shop.archive)}", ours=uploads, peer=copies, peer_name="cp"),
    ]


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:,.0f} MiB"
