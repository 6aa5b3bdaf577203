"""`datacenter storages …`: the registered storages."""

import typer

from datacenter.cli.connection import connect
from datacenter.cli.output import JsonOption, console, print_json_list
from datacenter.cli.tables import Column, print_table

app = typer.Typer(no_args_is_help=True, help="Storages.")
LIST = (
    Column(title="NAME"),
    Column(title="KIND"),
    Column(title="ROLE"),
    Column(title="STATE"),
    Column(title="URL", flexible=True),
)


@app.command("list")
def list_storages(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the registered storages."""
    with connect(context) as client:
        if as_json:
            print_json_list(client.storages())
            return
        rows = ((s.name, s.kind, s.role, s.state, s.url) for s in client.storages())
        print_table(console(), LIST, rows, empty="no storages")


@app.callback()
def storages() -> None:
    """Storages. (A group of one command stays a group.)"""
