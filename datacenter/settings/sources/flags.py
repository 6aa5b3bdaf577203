"""Flags: `--set web.port=8081` on the command line overrides file and environment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from datacenter.settings.sources.layers import KeyPath, Layer, SettingFault, SettingSource, join, nested
from datacenter.settings.sources.shapes import Model, NotJson, meant

FLAG = "--set"


def read_flags(assignments: Sequence[str], overrides: Mapping[str, Any], model: Model) -> Layer:
    """The values of `--set KEY=VALUE`; the last one for a key counts; lists and mappings are JSON.

    `overrides` are values that the program itself sets.
    """
    values: dict[str, Any] = dict(overrides)
    places: dict[KeyPath, str] = {}
    faults = []
    for assignment in assignments:
        key, is_assigned, text = assignment.partition("=")
        path = tuple(key.strip().split("."))
        if not is_assigned:
            # Not quoted: all of it may be a secret.
            faults.append(
                SettingFault(key="", detail=f"{FLAG} needs KEY=VALUE, for example {FLAG} web.port=8081")
            )
            continue
        places[path] = FLAG
        try:
            values = join(values, nested(path, meant(model, path, text)))
        except NotJson:
            faults.append(SettingFault(key=key, detail="must be JSON: a list or a mapping", place=FLAG))
    return Layer(origin=SettingSource.FLAG, values=values, places=places, faults=tuple(faults))


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The settings file, instead of the one in DATACENTER_CONFIG."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting; overrides variables and file. Can be repeated."
    ),
]
