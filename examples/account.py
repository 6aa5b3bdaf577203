"""The printed report of the demonstration: one line a step, with its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

TIME_CELLS = 9


class Account:
    """Prints each step and its time."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.perf_counter()

    def title(self, text: str) -> None:
        """Print the first line."""
        self._console.print(Text(text, style="bold"))
        self._console.print()

    @contextmanager
    def step(self, what: str) -> Iterator["Step"]:
        """A step; its line is printed after it has succeeded, its results below."""
        step = Step()
        began = time.perf_counter()
        yield step
        seconds = f"{time.perf_counter() - began:.2f} s"
        self._console.print(
            Text.assemble(("✓ ", "green"), (f"{seconds:>{TIME_CELLS}}  ", "cyan"), what), soft_wrap=True
        )
        for line in step.lines:
            self._console.print(Text(" " * (TIME_CELLS + 4) + line, style="dim"), soft_wrap=True)

    def failed(self, reason: str) -> None:
        """Print the failure."""
        self._console.print(Text.assemble(("✗ ", "bold red"), reason), soft_wrap=True)

    def end(self, text: str) -> None:
        """Print the last line, after success."""
        self._console.print()
        self._console.print(
            Text(f"{text} ({time.perf_counter() - self._began:.1f} s in all)", style="bold"), soft_wrap=True
        )


class Step:
    """The results of a step."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def result(self, line: str) -> None:
        """Add a line to the report."""
        self.lines.append(line)
