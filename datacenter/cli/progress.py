"""Progress of long work: bars on a terminal, a line every few seconds elsewhere, nothing with JSON."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.progress import ProgressColumn as BarsColumn
from rich.table import Column
from rich.text import Text

from datacenter.cli.display import size
from datacenter.client import Job

LINE_SECONDS = 5.0
DONE = {"import": "imported", "export": "exported", "download": "prepared", "delete": "deleted"}
STATES = {
    "FAILURE": "failed",
    "REVOKED": "cancelled",
    "RETRY": "retrying",
    "PENDING": "waiting",
    "RECEIVED": "waiting",
}


class Meter(Protocol):
    """Shows progress."""

    def transfer(self, what: str, done: int, total: int | None) -> None:
        """Bytes of an upload or a download."""

    def job(self, job: Job) -> None:
        """The current state of a job."""


@contextmanager
def meter(*, as_json: bool) -> Iterator[Meter]:
    """The meter that fits the output. It prints on stderr; stdout is for the result."""
    console = Console(stderr=True, highlight=False)
    if as_json:
        yield SilentMeter()
    elif console.is_terminal:
        with Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            Amount(table_column=Column(no_wrap=True, justify="right")),
            console=console,
            expand=True,
        ) as bars:
            yield BarMeter(bars)
    else:
        yield LineMeter(console)


class SilentMeter:
    """Shows nothing."""

    def transfer(self, what: str, done: int, total: int | None) -> None:
        """Nothing."""

    def job(self, job: Job) -> None:
        """Nothing."""


class LineMeter:
    """A line when something new begins and every few seconds after that."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._what = ""
        self._line = ""
        self._printed_at = 0.0

    def transfer(self, what: str, done: int, total: int | None) -> None:
        self._print(what, _of(size(done), size(total) if total is not None else None), finished=done == total)

    def job(self, job: Job) -> None:
        amounts = ", ".join(part for part in (_files(job), _bytes(job)) if part)
        self._print(_phase(job), amounts, finished=job.finished)

    def _print(self, what: str, amounts: str, *, finished: bool) -> None:
        now = time.monotonic()
        line = f"{what}: {amounts}" if amounts else what
        if line != self._line and (what != self._what or finished or now - self._printed_at >= LINE_SECONDS):
            self._what, self._line, self._printed_at = what, line, now
            self._console.print(line, soft_wrap=True, markup=False)


class BarMeter:
    """A bar for each transfer and each job."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def transfer(self, what: str, done: int, total: int | None) -> None:
        self._show(what, what, done, total, _of(size(done), size(total) if total is not None else None))

    def job(self, job: Job) -> None:
        # Bytes move more evenly than files; a delete has none to move.
        progress = job.progress
        done, total = (
            (progress.bytes_done, progress.bytes_total)
            if progress.bytes_total
            else (progress.files_done, progress.files_total)
        )
        if job.succeeded:
            done, total = total or 1, total or 1
        amounts = "  ".join(part for part in (_files(job), _bytes(job)) if part)
        self._show(job.id, _phase(job), done, total or None, amounts, by_bytes=bool(progress.bytes_total))

    def _show(
        self, key: str, what: str, done: int, total: int | None, amounts: str, *, by_bytes: bool = True
    ) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(what, total=None, amounts="", by_bytes=by_bytes)
        self._bars.update(
            self._tasks[key],
            description=f"{what:<9}",
            completed=done,
            total=total,
            amounts=amounts,
            by_bytes=by_bytes,
        )


class Amount(BarsColumn):
    """Files, bytes and, while it runs, the speed."""

    def render(self, task: Task) -> Text:
        """One line of text."""
        speed = task.speed or task.finished_speed
        shown = f"  {size(int(speed))}/s" if speed and task.fields["by_bytes"] and not task.finished else ""
        return Text(f"{task.fields['amounts']}{shown}", style="dim")


def _phase(job: Job) -> str:
    if job.succeeded:
        return DONE.get(job.kind, "done")
    return STATES.get(job.state) or job.progress.phase or job.kind


def _files(job: Job) -> str:
    progress = job.progress
    if not (progress.files_done or progress.files_total):
        return ""
    total = progress.files_total
    amount = _of(f"{progress.files_done:,}", f"{total:,}" if total is not None else None)
    return f"{amount} file" if (progress.files_done if total is None else total) == 1 else f"{amount} files"


def _bytes(job: Job) -> str:
    progress = job.progress
    if not (progress.bytes_done or progress.bytes_total):
        return ""
    return _of(
        size(progress.bytes_done), size(progress.bytes_total) if progress.bytes_total is not None else None
    )


def _of(done: str, total: str | None) -> str:
    """`1.2/3.4 MiB`: the unit once when it is the same."""
    if total is None:
        return done
    number, _, unit = done.partition(" ")
    return f"{number}/{total}" if unit and total.endswith(f" {unit}") else f"{done}/{total}"
