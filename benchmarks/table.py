"""The results as tables, for a terminal and for the documentation."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.measured import Row

HEADERS = (
    "what",
    "ours",
    "peer",
    "which is",
    "ratio",
    "goal",
    "met",
    "CPU s: client + server",
    "CPU s: peer",
)
LEFT = {"what", "which is", "goal"}


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """The rows as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in HEADERS:
        table.add_column(header, justify="left" if header in LEFT else "right")
    for row in rows:
        cells = _cells(row)
        cells[6] = {"yes": "[green]yes[/]", "no": "[bold red]no[/]"}.get(cells[6], cells[6])
        table.add_row(*cells)
    console.print(table)


def print_peaks(console: Console, peaks: Mapping[str, Mapping[str, float]]) -> None:
    """The largest memory by scenario and process."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="largest resident memory, MiB", title_justify="left")
    names = _names(peaks)
    table.add_column("while")
    for name in names:
        table.add_column(name, justify="right")
    for scenario, sizes in peaks.items():
        table.add_row(scenario, *(_mib(sizes.get(name)) for name in names))
    console.print(table)


def markdown_rows(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as Markdown."""
    yield _line(HEADERS)
    yield _line("---" if header in LEFT else "---:" for header in HEADERS)
    for row in rows:
        yield _line(_cells(row))


def markdown_peaks(peaks: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The largest memory by scenario and process as Markdown."""
    names = _names(peaks)
    yield _line(("largest resident memory in MiB while", *names))
    yield _line(("---", *("---:" for _ in names)))
    for scenario, sizes in peaks.items():
        yield _line((scenario, *(_mib(sizes.get(name)) for name in names)))


def _cells(row: Row) -> list[str]:
    met = {True: "yes", False: "no", None: ""}[row.met]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
    return [row.what, row.ours, row.peer, row.peer_name, ratio, row.goal, met, row.our_cpu, row.peer_cpu]


def _names(peaks: Mapping[str, Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for sizes in peaks.values() for name in sizes))


def _mib(size: float | None) -> str:
    return "" if size is None else f"{size:.0f}"


def _line(cells: "Iterator[str] | Sequence[str]") -> str:
    return f"| {' | '.join(cells)} |"
