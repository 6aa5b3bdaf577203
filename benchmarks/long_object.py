"""Import and export of one long file on Ceph: no worker may hold more than a few parts in memory."""

from benchmarks import gateway, material
from benchmarks.centre import started
from benchmarks.exporting import every_label
from benchmarks.gateway import DiskCeph
from benchmarks.measured import Cost, Findings, Row
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop

MAX_MIB = 256
SOURCE = "source"


def measure(shop: Workshop) -> Findings:
    """The archive is imported from a NAS storage: its upload is measured elsewhere."""
    source = shop.empty_directory(SOURCE)
    material.long_file(source / "long.zip", shop.long_mib)
    rows: list[Row] = []
    peaks: dict[str, dict[str, float]] = {}
    with (
        gateway.started(DiskCeph) as ceph,
        started(
            shop.root / "long on ceph",
            default=ceph.storage(),
            source={"kind": "nas", "url": str(source), "role": "source"},
        ) as centre,
    ):

        def record(verb: str, cost: Cost) -> None:
            what = f"{verb} of one file of {shop.long_mib:,} MiB"
            sizes = peaks_mib(centre.running)
            largest = max(size for name, size in sizes.items() if name.startswith("worker "))
            peaks[f"{what} on Ceph"] = sizes
            rows.append(
                Row(
                    what=f"Ceph: {what}",
                    ours=f"{cost.seconds:.1f} s, worker {largest:.0f} MiB",
                    goal=f"worker < {MAX_MIB} MiB",
                    met=largest < MAX_MIB,
                    our_cpu=f"{cost.client_cpu_seconds:.1f} + {cost.server_cpu_seconds:.1f}",
                )
            )
            reset_peaks(centre.running)

        reset_peaks(centre.running)
        dataset, cost = centre.import_key("long", SOURCE, "long.zip")
        record("import", cost)
        record("export", centre.export(dataset, every_label("long")))
    return Findings(rows=rows, peaks_mib=peaks)
