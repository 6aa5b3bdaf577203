"""Cells of a CSV for people: a spreadsheet must not read one as a formula.

The rule: a cell that begins with `=`, `+`, `-`, `@`, TAB or CR is written with a `'` before it. A cell that
begins with such a sign after one or more `'` gets one more, so that reading, which removes one, gives exactly
the original cell. Cells that begin with `'` without such a sign are not changed in either direction.
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
    """The cell before `guarded`."""
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell


def joined_labels(labels: list[str]) -> str:
    """Labels in one cell: `cat|dog`, or a JSON array if a label holds a separator."""
    cell = "|".join(labels)
    if cell.startswith("[") or any(LABEL_SEPARATORS.search(label) for label in labels):
        return orjson.dumps(labels).decode()
    return cell


def split_labels(cell: str) -> Iterable[str]:
    """The labels of a cell: a JSON array of strings, or texts between `|` or `;`, without empty ones."""
    if cell.startswith("["):
        try:
            value = orjson.loads(cell)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, list) and all(isinstance(label, str) for label in value):
            return value
    return [part for part in LABEL_SEPARATORS.split(cell) if part.strip()]
