"""Plain aligned tables: as wide as the terminal and no wider, uncut when a program or a file reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from datacenter.cli.display import STATE_STYLES, cut, safe

GAP = "  "
NARROWEST = 8
PAGE_ROWS = 500
"""Rows that are aligned with one another; an endless listing is printed page by page."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """`right` aligns numbers; `flexible` columns give way when the terminal is too narrow.

    A cell that is too long is cut, unless its column `wraps`, which is for sentences.
    """

    title: str
    right: bool = False
    flexible: bool = False
    wraps: bool = False


def print_table(
    console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str
) -> None:
    """Print the rows as they come; `empty` when there are none."""
    width = console.width if console.is_terminal else None
    pages = iter(lambda iterator=iter(rows): list(islice(iterator, PAGE_ROWS)), [])  # type: ignore[misc]  # the default binds the iterator once
    first = True
    for page in pages:
        for line in _lines(columns, page, width, heading=first):
            console.print(line, soft_wrap=True, highlight=False)
        first = False
    if first:
        console.print(empty, style="dim", soft_wrap=True)


def print_fields(console: Console, fields: Iterable[tuple[str, str]]) -> None:
    """One `name  value` line per field that has a value."""
    present = [(name, value) for name, value in fields if value]
    widest = max(cell_len(name) for name, _ in present)
    for name, value in present:
        style = STATE_STYLES.get(value, "")
        console.print(
            Text.assemble((f"{name:<{widest}}{GAP}", "bold"), (safe(value), style)),
            soft_wrap=True,
            highlight=False,
        )


def _lines(
    columns: Sequence[Column], rows: list[Sequence[str]], width: int | None, *, heading: bool
) -> Iterator[Text]:
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = [
        max(cell_len(column.title), *(cell_len(row[i]) for row in cells)) for i, column in enumerate(columns)
    ]
    if width is not None:
        widths = _fitted(columns, widths, width)
    if heading:
        yield _line(columns, [column.title for column in columns], widths, style="bold")
    for row in cells:
        for line in zip_longest(*map(_pieces, columns, row, widths), fillvalue=""):
            yield _line(columns, line, widths)


def _pieces(column: Column, cell: str, width: int) -> list[str]:
    """The lines of a cell: one, or several of whole words."""
    if not column.wraps or cell_len(cell) <= width:
        return [cell]
    return [line.plain.rstrip() for line in Text(cell).wrap(Console(width=width), width)]


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Shrink the widest flexible column, cell by cell, until the table fits."""
    fitted = list(widths)
    flexible = [index for index, column in enumerate(columns) if column.flexible]
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > width:
        widest = max(flexible, key=lambda index: fitted[index], default=None)
        if widest is None or fitted[widest] <= NARROWEST:
            break
        fitted[widest] -= 1
    return fitted


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], style: str = "") -> Text:
    line = Text(style=style)
    for index, (column, cell, width) in enumerate(zip(columns, row, widths, strict=True)):
        text = cut(cell, width)
        padding = " " * (width - cell_len(text))
        line.append(padding if column.right else "")
        line.append(text, STATE_STYLES.get(cell, ""))
        if index < len(columns) - 1:
            line.append(("" if column.right else padding) + GAP)
    return line
