"""`datacenter up`: everything embedded, in one terminal, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from datacenter.cli.embedded import DEFAULT_HOME


def up(
    home: Annotated[
        Path, typer.Option(help="Where all data, settings and logs are kept.", envvar="DATACENTER_HOME")
    ] = DEFAULT_HOME,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port of the web layer; 0 picks a free port.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also print the logs of all processes here.")
    ] = False,
) -> None:
    """Run a whole data centre on this machine; Ctrl-C stops all of it."""
    from datacenter.cli.embedded.home import Home  # no other command pays for loading the database layer
    from datacenter.cli.embedded.running import run

    run(Home.at(home), port=port, verbose=verbose)
