"""Export by label to one zip, from POST to SUCCESS, beside the programs that people zip an unpacked tree with."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks import material, peers
from benchmarks.measured import Cost, Findings, Row, compare, in_turn, typical
from benchmarks.processes import forget_peaks, peaks_mib
from benchmarks.workshop import Workshop
from datacenter.client import LabelFilter

ZIP = "zip -0 -q -r"
ZIPPERS: Mapping[str, Sequence[str]] = {
    ZIP: ZIP.split(),
    "bsdtar --format zip, store": ["bsdtar", "--format", "zip", "--options", "zip:compression=store", "-cf"],
    "7z a -tzip -mx0": ["7z", "a", "-tzip", "-mx0", "-bso0", "-bsp0"],
}
"""Programs that store a tree in a zip, the archive and the tree come behind; by the name that the table shows."""


def every_label(unlike: str) -> LabelFilter:
    """A selection of all files that is no other selection's, so that no archive built before is given again."""
    return LabelFilter(any=tuple(material.labels()), none=(unlike,))


def measure(shop: Workshop) -> Findings:
    """Members stored, by all; every file is selected by its label. The goal is held against `zip -0`."""
    dataset = shop.dataset
    here = [name for name, command in ZIPPERS.items() if peers.is_here(command[0])]

    def export(number: int) -> Cost:
        return shop.centre.export(dataset, every_label(f"export {number}"))

    forget_peaks(shop.centre.running)
    exports, *others = in_turn(shop.rounds, shop.between, export, *(_zipping(shop, name) for name in here))
    zipped = dict(zip(here, others, strict=True))
    what = f"export of {shop.files:,} files by label"
    rows = [
        compare(
            what,
            ours=exports,
            peer=zipped.get(name, []),
            peer_name=name,
            least_ratio=2.0 if name == ZIP else None,
        )
        for name in ZIPPERS
    ]
    return Findings(
        rows=[*rows, *_best(what, exports, zipped)], peaks_mib={"export": peaks_mib(shop.centre.running)}
    )


def _zipping(shop: Workshop, name: str) -> Callable[[int], Cost]:
    tree = shop.tree

    def run(number: int) -> Cost:
        program, *_ = command = ZIPPERS[name]
        return peers.run([*command, shop.root / f"{program} {number}.zip", "."], cwd=tree)

    return run


def _best(what: str, exports: Sequence[Cost], zipped: Mapping[str, Sequence[Cost]]) -> list[Row]:
    """The row beside the fastest of the programs that are here, if there are several."""
    if len(zipped) < 2:
        return []
    best = min(zipped, key=lambda name: typical(zipped[name]).seconds)
    return [compare(what, ours=exports, peer=zipped[best], peer_name=f"the fastest of these: {best}")]
