"""`datacenter storages browse`: what lies in a source."""

import shlex
from itertools import chain, islice
from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.display import ago, size
from datacenter.cli.output import JsonOption, console, print_json_list
from datacenter.cli.tables import Column, print_table
from datacenter.client import Entry

PAGE_ENTRIES = 1000
LIST = (
    Column(title="KEY", flexible=True),
    Column(title="SIZE", right=True),
    Column(title="MODIFIED", right=True),
)


def browse(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A storage of the role source or both.")],
    prefix: Annotated[str, typer.Argument(help="With its final / to look into it.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="At most so many; default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one level of a source: keys to import, and prefixes, which end in /."""
    with connect(context) as client:
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
            empty="nothing begins so" if prefix else "nothing is there",
        )
        if [entry.key for entry in first] == [f"{prefix}/"]:
            inside = shlex.join(["datacenter", "storages", "browse", name, f"{prefix}/"])
            console().print(f"to look into it: {inside}", style="dim", markup=False, soft_wrap=True)


def _row(entry: Entry) -> tuple[str, str, str]:
    return (
        entry.key,
        "" if entry.size_bytes is None else size(entry.size_bytes),
        ago(entry.modified_at),
    )
