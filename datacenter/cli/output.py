"""What commands print: text for a person, or exactly one JSON document for a program."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def console() -> Console:
    """Where results go."""
    return Console(highlight=False)


def can_ask(*, as_json: bool) -> bool:
    """Whether a person can see a question and answer it."""
    return not as_json and sys.stdin.isatty() and sys.stdout.isatty()


def print_json(value: Any) -> None:
    """One document."""
    sys.stdout.write(_text(value) + "\n")


def print_json_list(items: Iterable[Any]) -> None:
    """One array, written as the items come."""
    separator = "["
    for item in items:
        sys.stdout.write(f"{separator}\n{_text(item)}")
        separator = ","
    sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON")
