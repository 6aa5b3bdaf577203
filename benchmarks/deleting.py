"""DELETE: the time of the request for one file and for many, and the time until the files are removed."""

import time
from statistics import median

from benchmarks import peers
from benchmarks.measured import Cost, Findings, Row, compare, in_turn
from benchmarks.workshop import Workshop
from datacenter.client import Dataset

REQUESTS = 20
GRACE_SECONDS = 3600
MAX_RATIO = 1.2


def measure(shop: Workshop) -> Findings:
    """Requests first, with a grace period, so that each dataset can be restored and deleted again; then the removal."""
    many, one = shop.dataset, shop.single
    shop.settle()
    seconds: dict[str, list[float]] = {one.id: [], many.id: []}
    for _ in range(REQUESTS):
        for dataset in (one, many):
            seconds[dataset.id].append(_request(shop, dataset))
    return Findings(rows=[_request_row(shop.files, seconds[many.id], seconds[one.id]), _removal(shop)])


def _request(shop: Workshop, dataset: Dataset) -> float:
    began = time.perf_counter()
    shop.centre.client.datasets.delete(dataset.id, grace_seconds=GRACE_SECONDS)
    took = time.perf_counter() - began
    shop.centre.client.datasets.restore(dataset.id)
    return took


def _request_row(files: int, many: list[float], one: list[float]) -> Row:
    ratio = median(many) / median(one)
    return Row(
        what=f"DELETE request for {files:,} files",
        ours=f"{1000 * median(many):.1f} ms",
        peer=f"{1000 * median(one):.1f} ms",
        peer_name="the same for 1 file",
        ratio=ratio,
        goal=f"within {MAX_RATIO - 1:.0%}",
        met=ratio <= MAX_RATIO,
    )


def _removal(shop: Workshop) -> Row:
    datasets, trees = [*shop.datasets], [shop.tree, *shop.trees[1:]]

    def delete(number: int) -> Cost:
        _, cost = shop.centre.delete(datasets[number])
        return cost

    def remove(number: int) -> Cost:
        return peers.run(["rm", "-rf", trees[number]], cwd=shop.root)

    deletes, removals = in_turn(min(len(datasets), len(trees), shop.rounds), shop.settle, delete, remove)
    shop.datasets.clear()
    shop.trees.clear()
    what = f"removal of {shop.files:,} files, from DELETE to SUCCESS"
    return compare(what, ours=deletes, peer=removals, peer_name="rm -rf")
