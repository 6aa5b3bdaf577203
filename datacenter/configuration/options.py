"""The two options that every program has for its settings."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings file, instead of DATACENTER_CONFIG's."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting, stronger than variables and file; can be repeated."
    ),
]
