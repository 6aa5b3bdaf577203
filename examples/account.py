"""The account that the demonstration gives while it runs: a line a step, with its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

TIME_CELLS = 9


class Account:
    """Prints what was done and how long it took."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.perf_counter()

    def title(self, text: str) -> None:
        """Begin."""
        self._console.print(Text(text, style="bold"))
        self._console.print()

    @contextmanager
    def step(self, what: str) -> Iterator["Step"]:
        """A step; its line is printed when it has succeeded, its findings below it."""
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
        """End with what is wrong."""
        self._console.print(Text.assemble(("✗ ", "bold red"), reason), soft_wrap=True)

    def end(self, text: str) -> None:
        """End well."""
        self._console.print()
        self._console.print(
            Text(f"{text} ({time.perf_counter() - self._began:.1f} s in all)", style="bold"), soft_wrap=True
        )


class Step:
    """What was found in a step."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def found(self, line: str) -> None:
        """Add a line to the account."""
        self.lines.append(line)
