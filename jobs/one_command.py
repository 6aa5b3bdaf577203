"""A program of one command, whose help is shown by `-h` as well, as that of every command of `datacenter` is."""

from collections.abc import Callable

import typer


def run(command: Callable[..., None]) -> None:
    """Run the command with the arguments of this process. Raises: SystemExit, always."""
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["--help", "-h"]})
    app.command()(command)
    app()
