"""Write the figures into their page of the documentation, between two marks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.measured import Row
from benchmarks.table import markdown_peaks, markdown_rows

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write(
    command: str, machine: Sequence[str], rows: Sequence[Row], peaks: Mapping[str, Mapping[str, float]]
) -> None:
    """Replace the figures of the last run."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    measured = "\n".join(_lines(command, machine, rows, peaks))
    PAGE.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}")


def _lines(
    command: str, machine: Sequence[str], rows: Sequence[Row], peaks: Mapping[str, Mapping[str, float]]
) -> Iterator[str]:
    yield from markdown_rows(rows)
    if peaks:
        yield ""
        yield from markdown_peaks(peaks)
    yield ""
    yield f"`{command}` on {'; '.join(machine)}."
