"""Waiting for what starts at the same time: a database that does not answer yet, a schema that somebody else brings."""

import time
from collections.abc import Callable
from typing import TypeVar

import typer

T = TypeVar("T")
PAUSE_SECONDS = 2.0


def patiently(
    work: Callable[[], T], seconds: float, passing: dict[type[Exception], Callable[[Exception], str]]
) -> T:
    """The result of `work`, tried for so many seconds while it fails with what may pass; each reason is told once.

    `passing` says how each such error is told. Raises: the last of them when the time is over, any other at once.
    """
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        try:
            return work()
        except tuple(passing) as error:
            if time.monotonic() >= deadline:
                raise
            reason = next(tell for kind, tell in passing.items() if isinstance(error, kind))(error)
        if reason != told:
            typer.echo(f"waiting: {reason}", err=True)
            told = reason
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
