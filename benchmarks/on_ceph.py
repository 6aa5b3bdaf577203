"""Import, export and delete of many small files on Ceph, beside s5cmd and the programs it needs before and after.

COS is measured on the same gateway, which understands its form of addresses: the result is the cost of the adapter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.ceph import CephServer

from benchmarks import gateway, material, peers
from benchmarks.centre import Centre, started
from benchmarks.exporting import every_label
from benchmarks.gateway import OTHERS, Gateway
from benchmarks.measured import Cost, Findings, Row, compare, in_turn, typical
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop
from datacenter.client import Dataset

FILES = 10_000
"""Fewer if the arguments limit the other scenarios to fewer."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Both sides: our data centre on one bucket, the peers on another and in directories."""

    shop: Workshop
    ceph: Gateway
    centre: Centre
    archive: Path
    files: int
    named: str
    place: Path
    """The directory of the peers' files."""
    has_goals: bool
    """Only Ceph has goals."""
    datasets: list[Dataset] = field(default_factory=list)

    def in_turn(self, *works: Callable[[int], Cost]) -> list[list[Cost]]:
        """The costs of each work, one for each round."""
        return in_turn(self.shop.rounds, self.centre.wait_until_idle, *works)

    def peers(self, where: str, *commands: Sequence[str | Path]) -> Cost:
        """Run the commands in a directory, which is made if it does not exist."""
        directory = self.place / where
        directory.mkdir(parents=True, exist_ok=True)
        return peers.run(*commands, cwd=directory, environment=self.ceph.environment())


def measure(shop: Workshop) -> Findings:
    """Ceph. Raises: NotInstalled: the server or a peer is missing."""
    return _measure(shop, "ceph", "Ceph")


def measure_cos(shop: Workshop) -> Findings:
    """COS's adapter. Raises: NotInstalled: the server or a peer is missing."""
    return _measure(shop, "cos", "COS's addresses on Ceph")


def _measure(shop: Workshop, kind: str, named: str) -> Findings:
    """Import, export and delete, in this order: each uses the result of the one before."""
    gateway.check_peers()
    files = min(FILES, shop.files)
    archive = material.even_files(shop.root / "even.zip", files)
    rows: list[Row] = []
    peaks: dict[str, dict[str, float]] = {}
    with (
        gateway.started(CephServer) as ceph,
        started(shop.root / f"on {kind}", default=ceph.storage(kind)) as centre,
    ):
        stage = Stage(
            shop=shop,
            ceph=ceph,
            centre=centre,
            archive=archive,
            files=files,
            named=named,
            place=shop.root / f"peers of {kind}",
            has_goals=kind == "ceph",
        )
        for verb, measured in {"import": _import, "export": _export, "delete": _delete}.items():
            reset_peaks(centre.running)
            rows.append(measured(stage))
            peaks[f"{verb}, {named}"] = peaks_mib(centre.running)
    return Findings(rows=rows, peaks_mib=peaks)


def _import(stage: Stage) -> Row:
    """Both begin with a zip on the local disk, so ours includes the upload."""

    def ours(number: int) -> Cost:
        upload, sent = stage.centre.upload(stage.archive)
        dataset, cost = stage.centre.import_upload(f"import {number}", upload)
        stage.datasets.append(dataset)
        return sent + cost

    def theirs(number: int) -> Cost:
        unpack: list[str | Path] = ["bsdtar", "-xf", stage.archive]
        return stage.peers(f"even {number}", unpack, stage.ceph.s5cmd("cp", "./", _objects(number)))

    imports, copies = stage.in_turn(ours, theirs)
    what = f"{stage.named}: upload and import of a zip of {stage.files:,} files of 4 KiB"
    return compare(
        what,
        ours=imports,
        peer=copies,
        peer_name="bsdtar -x, s5cmd cp",
        least_ratio=1.0 if stage.has_goals else None,
    )


def _export(stage: Stage) -> Row:
    """Both end with a zip in a bucket."""

    def ours(number: int) -> Cost:
        return stage.centre.export(stage.datasets[number], every_label(f"export {number}"))

    def theirs(number: int) -> Cost:
        packed = stage.place / f"even {number}.zip"
        return stage.peers(
            f"fetched {number}",
            stage.ceph.s5cmd("cp", f"{_objects(number)}*", "./"),
            ["zip", "-0", "-q", "-r", packed, "."],
            stage.ceph.s5cmd("cp", packed, f"s3://{OTHERS}/{packed.name}"),
        )

    exports, copies = stage.in_turn(ours, theirs)
    what = f"{stage.named}: export of {stage.files:,} files of 4 KiB by label"
    return compare(
        what,
        ours=exports,
        peer=copies,
        peer_name="s5cmd cp, zip -0, s5cmd cp",
        least_ratio=1.5 if stage.has_goals else None,
    )


def _delete(stage: Stage) -> Row:
    def ours(number: int) -> Cost:
        return stage.centre.delete(stage.datasets[number])[1]

    def theirs(number: int) -> Cost:
        return stage.peers(f"even {number}", stage.ceph.s5cmd("rm", f"{_objects(number)}*"))

    deletes, removals = stage.in_turn(ours, theirs)
    what = f"{stage.named}: delete of {stage.files:,} files of 4 KiB"
    row = compare(
        what, ours=deletes, peer=removals, peer_name="s5cmd rm", least_ratio=1.0 if stage.has_goals else None
    )
    if not stage.has_goals:
        return row
    cheaper = typical(deletes).cpu_seconds < typical(removals).cpu_seconds
    return row.with_goal(f"{row.goal}, less CPU", met=bool(row.met) and cheaper)


def _objects(number: int) -> str:
    """The prefix of the peers' files of a round."""
    return f"s3://{OTHERS}/{number}/"
