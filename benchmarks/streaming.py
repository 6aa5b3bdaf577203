"""A link by `stream`, which exists before the archive, beside a link to an archive that is built first."""

import httpx

from benchmarks.exporting import every_label
from benchmarks.measured import Cost, Findings, Row, compare, in_turn, typical
from benchmarks.processes import peaks_mib, reset_peaks
from benchmarks.workshop import Workshop

LINK_SECONDS = 1.0
READ_BYTES = 1 << 20


def measure(shop: Workshop) -> Findings:
    """Each round requests a new selection, so that no existing archive is reused."""
    dataset = shop.dataset
    fetched: dict[str, list[Cost]] = {"stream": [], "archive": []}
    sizes: list[int] = []

    def link(delivery: str, number: int) -> Cost:
        url, cost = shop.centre.download(dataset, every_label(f"{delivery} {number}"), delivery)
        shop.settle()
        size, took = shop.centre.measured(lambda: fetch(url))
        sizes.append(size)
        fetched[delivery].append(took)
        return cost

    reset_peaks(shop.centre.running)
    streams, archives = in_turn(
        shop.rounds,
        shop.settle,
        lambda number: link("stream", number),
        lambda number: link("archive", number),
    )
    size = max(sizes)
    rows = [
        _link_row(shop.files, streams, archives),
        compare(
            f"download from the link, {size / 2**20:,.0f} MiB",
            ours=fetched["stream"],
            peer=fetched["archive"],
            peer_name="the built archive",
            show=lambda seconds: f"{size / 2**20 / seconds:,.0f} MiB/s",
        ),
    ]
    return Findings(rows=rows, peaks_mib={"stream": peaks_mib(shop.centre.running)})


def _link_row(files: int, streams: list[Cost], archives: list[Cost]) -> Row:
    row = compare(
        f"link by stream for {files:,} files", ours=streams, peer=archives, peer_name="link by archive"
    )
    return row.with_goal(f"< {LINK_SECONDS:.0f} s", met=typical(streams).seconds < LINK_SECONDS)


def fetch(url: str) -> int:
    """Read the whole archive of a link, without keeping it; the number of bytes."""
    with httpx.stream("GET", url, trust_env=False, timeout=60) as response:
        response.raise_for_status()
        return sum(len(chunk) for chunk in response.iter_raw(READ_BYTES))
