"""Cells of a CSV made for people: a spreadsheet must not take one for a formula.

The rule: a cell that begins with `=`, `+`, `-`, `@`, TAB or CR is written with a `'` before it. A cell that
begins with such a sign after one or more `'` gets one more, so that reading, which takes one off, gives back
exactly what was written. Cells that begin with `'` and no such sign are left alone both ways.
"""

import re
from collections.abc import Iterable

import orjson

from datacenter.formats.label_table import LABEL_SEPARATORS

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(cell: str) -> str:
    """The cell as it is written."""
    return "'" + cell if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell


def joined_labels(labels: list[str]) -> str:
    """Labels in one cell: `cat|dog`, or a JSON array where a label itself holds a separator."""
    cell = "|".join(labels)
    if cell.startswith("[") or any(LABEL_SEPARATORS.search(label) for label in labels):
        return orjson.dumps(labels).decode()
    return cell


def split_labels(cell: str) -> Iterable[str]:
    """The labels of a cell: a JSON array of strings, or texts between `|` or `;`; empty ones do not count."""
    if cell.startswith("["):
        try:
            value = orjson.loads(cell)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, list) and all(isinstance(label, str) for label in value):
            return value
    return [part for part in LABEL_SEPARATORS.split(cell) if part.strip()]
