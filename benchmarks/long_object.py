"""One long file through import and export on Ceph: that no worker holds more of it than a few parts."""

from benchmarks import gateway, material
from benchmarks.centre import started
from benchmarks.exporting import every_label
from benchmarks.gateway import DiskCeph
from benchmarks.measured import Cost, Findings, Row
from benchmarks.processes import forget_peaks, peaks_mib
from benchmarks.workshop import Workshop

MAX_MIB = 256
SHELF = "shelf"


def measure(shop: Workshop) -> Findings:
    """The archive lies on a NAS storage that is imported from: how it comes to the platform is measured elsewhere."""
    shelf = shop.empty_directory(SHELF)
    material.long_file(shelf / "long.zip", shop.long_mib)
    rows: list[Row] = []
    peaks: dict[str, dict[str, float]] = {}
    with (
        gateway.started(DiskCeph) as ceph,
        started(
            shop.root / "long on ceph",
            default=ceph.storage(),
            shelf={"kind": "nas", "url": str(shelf), "role": "source"},
        ) as centre,
    ):

        def record(verb: str, cost: Cost) -> None:
            what = f"{verb} of one file of {shop.long_mib:,} MiB"
            found = peaks_mib(centre.running)
            most = max(size for name, size in found.items() if name.startswith("worker "))
            peaks[f"{what} on Ceph"] = found
            rows.append(
                Row(
                    what=f"Ceph: {what}",
                    ours=f"{cost.seconds:.1f} s, worker {most:.0f} MiB",
                    goal=f"worker < {MAX_MIB} MiB",
                    met=most < MAX_MIB,
                    our_cpu=f"{cost.client_cpu_seconds:.1f} + {cost.server_cpu_seconds:.1f}",
                )
            )
            forget_peaks(centre.running)

        forget_peaks(centre.running)
        dataset, cost = centre.import_key("long", SHELF, "long.zip")
        record("import", cost)
        record("export", centre.export(dataset, every_label("long")))
    return Findings(rows=rows, peaks_mib=peaks)
