"""Export by label to one zip, from POST to SUCCESS, beside `zip -0` of the unpacked tree."""

from benchmarks import material, peers
from benchmarks.measured import Cost, Findings, compare, in_turn
from benchmarks.processes import forget_peaks, peaks_mib
from benchmarks.workshop import Workshop
from datacenter.client import LabelFilter


def every_label(unlike: str) -> LabelFilter:
    """A selection of all files that is no other selection's, so that no archive built before is given again."""
    return LabelFilter(any=tuple(material.labels()), none=(unlike,))


def measure(shop: Workshop) -> Findings:
    """Members stored, by both; every file is selected by its label."""
    dataset, tree = shop.dataset, shop.tree

    def export(number: int) -> Cost:
        return shop.centre.export(dataset, every_label(f"export {number}"))

    def zip_it(number: int) -> Cost:
        return peers.run(["zip", "-0", "-q", "-r", shop.root / f"zipped {number}.zip", "."], cwd=tree)

    forget_peaks(shop.centre.running)
    exports, *zips = in_turn(shop.rounds, shop.between, export, *([zip_it] if peers.is_here("zip") else []))
    row = compare(
        f"export of {shop.files:,} files by label",
        ours=exports,
        peer=zips[0] if zips else [],
        peer_name="zip -0 -q -r",
        least_ratio=2.0,
    )
    return Findings(rows=[row], peaks_mib={"export": peaks_mib(shop.centre.running)})
