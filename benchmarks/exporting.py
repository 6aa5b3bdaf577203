"""Export by label to one zip, from POST to SUCCESS, beside the usual programs that zip an unpacked tree."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks import material, peers
from benchmarks.measured import Cost, Findings, Row, compare, in_turn, typical
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop
from datacenter.client import LabelFilter

ZIP = "zip -0 -q -r"
ZIPPERS: Mapping[str, Sequence[str]] = {
    ZIP: ZIP.split(),
    "bsdtar --format zip, store": ["bsdtar", "--format", "zip", "--options", "zip:compression=store", "-cf"],
    "7z a -tzip -mx0": ["7z", "a", "-tzip", "-mx0", "-bso0", "-bsp0"],
}
"""Commands that store a tree in a zip, without their last arguments (archive and tree), by the name in the table."""


def every_label(unlike: str) -> LabelFilter:
    """All files, by a selection that differs from all others, so that no existing archive is reused."""
    return LabelFilter(any=tuple(material.labels()), none=(unlike,))


def measure(shop: Workshop) -> Findings:
    """All programs store the members; every file is selected by its label. The goal is relative to `zip -0`."""
    dataset = shop.dataset
    installed = [name for name, command in ZIPPERS.items() if peers.is_installed(command[0])]

    def export(number: int) -> Cost:
        return shop.centre.export(dataset, every_label(f"export {number}"))

    reset_peaks(shop.centre.running)
    exports, *others = in_turn(
        shop.rounds, shop.settle, export, *(_zipping(shop, name) for name in installed)
    )
    zipped = dict(zip(installed, others, strict=True))
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
    """The row beside the fastest of the installed programs, if there are several."""
    if len(zipped) < 2:
        return []
    best = min(zipped, key=lambda name: typical(zipped[name]).seconds)
    return [compare(what, ours=exports, peer=zipped[best], peer_name=f"the fastest of these: {best}")]
