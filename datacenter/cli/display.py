"""Values as people read them: sizes, counts, times, states, and names from outside, made safe and short."""

from collections.abc import Mapping
from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
STEP = 1024
AGES = (
    (60, 1, "s"),
    (3600, 60, "min"),
    (86400, 3600, "h"),
    (86400 * 365, 86400, "d"),
    (float("inf"), 86400 * 365, "y"),
)
STATE_STYLES = {
    "READY": "green",
    "SUCCESS": "green",
    "FAILED": "red",
    "FAILURE": "red",
    "REVOKED": "yellow",
    "RETRY": "yellow",
    "DELETING": "yellow",
    "IMPORTING": "cyan",
    "STARTED": "cyan",
}
ELLIPSIS = "…"


def size(size_bytes: int | None) -> str:
    """`1.4 MiB`, always in a width of nine or less."""
    if size_bytes is None:
        return "?"
    value = float(size_bytes)
    for unit in UNITS:
        if value < STEP - 0.05 or unit == UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= STEP
    raise AssertionError("unreachable: the last unit holds every value")


def count(number: int, noun: str) -> str:
    """`1 file`, `1,797 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def held(files: int, rows: int | None) -> str:
    """What a dataset holds: `3 files`, or of a table `10 rows in 3 parts`."""
    return count(files, "file") if rows is None else f"{count(rows, 'row')} in {count(files, 'part')}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """`3 min ago`; `in 2 h` for the future."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    _, divisor, unit = next(age for age in AGES if abs(seconds) < age[0])
    return f"{seconds // divisor:.0f} {unit} ago" if seconds > 0 else f"in {-seconds / divisor:.0f} {unit}"


def moment(value: datetime | None) -> str:
    """A time in the local time zone, and how long ago that was."""
    return "-" if value is None else f"{value.astimezone():%Y-%m-%d %H:%M:%S} ({ago(value)})"


def duration(seconds: float) -> str:
    """`0.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def safe(text: str) -> str:
    """A name from outside on one line: characters that could steer the terminal are shown as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def cut(text: str, cells: int) -> str:
    """At most so many terminal cells, cut in the middle: the beginning and the end of a name both carry information."""
    if cell_len(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS[:cells]
    front = cells // 2
    back = cells - 1 - front
    return _cells(text, front) + ELLIPSIS + _cells(text[::-1], back)[::-1]


def labels(counts: Mapping[str, int], most: int) -> str:
    """The most frequent labels with their counts, and how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{safe(label)} ({files:,})" for label, files in ordered[:most])
    return f"{shown} and {len(ordered) - most} more" if len(ordered) > most else shown or "-"


def label_names(counts: Mapping[str, int], most: int = 3) -> str:
    """The most frequent labels, and how many more there are: `cat, dog, fox +4`."""
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    return ", ".join(ordered[:most]) + (f" +{len(ordered) - most}" if len(ordered) > most else "") or "-"


def _cells(text: str, cells: int) -> str:
    return set_cell_size(text, cells).rstrip() if cells else ""
