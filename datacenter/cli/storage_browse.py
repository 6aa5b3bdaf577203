"""`datacenter storages browse`: list the content of a source."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, size
from datacenter.cli.errors import CommandFailed
from datacenter.cli.output import JsonOption, console, print_json_list
from datacenter.cli.tables import Column, print_table
from datacenter.client import Client, ClientError, Entry, Problem

PAGE_ENTRIES = 1000
LIST = (
    Column(title="KEY", flexible=True),
    Column(title="SIZE", right=True),
    Column(title="MODIFIED", right=True),
)


class SourceFailed(CommandFailed):
    """A source could not be browsed; `code` is from the server's response, the message from its check."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.what = f"{why} ({code})"
        self.code = code


def browse(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A storage with the role source or both.")],
    prefix: Annotated[
        str, typer.Argument(metavar="PREFIX", help="End it with / to list what is inside.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Maximum number of entries; default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one level of a source: keys to import, and prefixes, which end in /."""
    with connect(context) as client, _explained_by_check(client):
        page = min(limit or PAGE_ENTRIES, PAGE_ENTRIES)
        found = islice(client.storages.browse(name, prefix, limit=page), limit)
        if as_json:
            print_json_list(found)
            return
        first = list(islice(found, 1))
        print_table(
            console(),
            LIST,
            map(_row, chain(first, found)),
            empty="no key begins with this" if prefix else "the source is empty",
        )
        if [entry.key for entry in first] == [f"{prefix}/"]:
            inside = shlex.join(["datacenter", "storages", "browse", name, f"{prefix}/"])
            console().print(f"to list what is inside: {inside}", style="dim", markup=False, soft_wrap=True)


def _row(entry: Entry) -> tuple[str, str, str]:
    return (
        entry.key,
        "" if entry.size_bytes is None else size(entry.size_bytes),
        ago(entry.modified_at),
    )


@contextmanager
def _explained_by_check(client: Client) -> Iterator[None]:
    """If a source fails, run its check for the reason. Raises: SourceFailed, Problem."""
    try:
        yield
    except Problem as problem:
        why = _why(client, problem.storage) if problem.storage else ""
        if not why:
            raise
        raise SourceFailed(problem.code, f"storage {problem.storage}: {why}") from problem


def _why(client: Client, storage: str) -> str:
    """What the check finds wrong, or nothing: it may succeed by now, or get no answer."""
    try:
        found = client.storages.check(storage)
    except ClientError:
        return ""
    return "" if found.ok else found.detail.rstrip(".")
