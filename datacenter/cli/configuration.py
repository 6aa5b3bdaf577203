"""`datacenter config …`: what is wrong with the settings before anything starts, and where each value comes from."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from datacenter.cli.connection import use_home
from datacenter.cli.output import JsonOption, console, print_json
from datacenter.cli.tables import Column, print_table
from datacenter.settings.sources.flags import SetOption

if TYPE_CHECKING:
    from datacenter.settings.model import Settings
    from datacenter.settings.sources.layers import KeyPath, Layers

app = typer.Typer(no_args_is_help=True, help="Check and show the settings.")
FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="The settings file, instead of the one in DATACENTER_CONFIG."),
]
ConnectOption = Annotated[
    bool, typer.Option("--connect", help="Also test the database, its schema, the broker and each storage.")
]
SHOWN = (
    Column(title="KEY"),
    Column(title="VALUE", flexible=True),
    Column(title="FROM", flexible=True),
)


@app.command("check")
def check(
    context: typer.Context,
    file: FileArgument = None,
    assignments: SetOption = None,
    connect: ConnectOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print every fault in the settings; exits 2 if there is one."""
    from datacenter.cli.connecting import openings, trials
    from datacenter.settings.loading import check_settings
    from datacenter.settings.model import Settings

    found = check_settings(_layers(context, file, assignments))
    if isinstance(found, Settings):
        # Connections are tested only when everything can be opened.
        faults = list(openings(found)) or list(trials(found) if connect else ())
    else:
        faults = found
    if as_json:
        print_json({"faults": [{"key": f.key, "detail": f.detail, "place": f.place} for f in faults]})
    elif faults:
        typer.echo("\n".join(map(str, faults)))
    if faults:
        raise typer.Exit(2)
    if not as_json:
        typer.echo(
            f"the settings {_source()}are valid"
            + ("; database, broker and storages answer" if connect else "")
        )


@app.command("show")
def show(
    context: typer.Context,
    file: FileArgument = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every setting and where its value comes from; secrets are shown as ***."""
    from datacenter.errors import SettingsInvalid
    from datacenter.settings.loading import check_settings
    from datacenter.settings.model import Settings

    layers = _layers(context, file, assignments)
    found = check_settings(layers)
    if not isinstance(found, Settings):
        raise SettingsInvalid(*map(str, found))
    rows = [
        {"key": ".".join(map(str, path)), "value": value, "from": layers.origin_of(path)[1] or "default"}
        for path, value in _values(found)
    ]
    if as_json:
        print_json(rows)
    else:
        cells = ((row["key"], _text(row["value"]), row["from"]) for row in rows)
        print_table(console(), SHOWN, cells, empty="no settings")


def _layers(context: typer.Context, file: Path | None, assignments: Sequence[str] | None) -> "Layers":
    from datacenter.settings.loading import read_layers
    from datacenter.settings.model import CONFIG_VARIABLE

    if file is not None:
        os.environ[CONFIG_VARIABLE] = str(file)
    else:
        use_home(context)
    return read_layers(assignments or ())


def _source() -> str:
    from datacenter.settings.model import CONFIG_VARIABLE

    file = os.environ.get(CONFIG_VARIABLE)
    return f"in {file} " if file else ""


def _values(settings: "Settings") -> "Iterator[tuple[KeyPath, Any]]":
    """Every key that has a value; secrets are redacted, also within a URL."""
    from datacenter.observability.redaction import redacted_url
    from datacenter.storages.secret_options import redacted_options

    plain = settings.model_dump()
    for storage in plain["storages"].values():
        storage["options"] = redacted_options(storage["options"])
    for path, value in _leaves(plain):
        yield path, redacted_url(value) if path[-1] == "url" else _without_secret(value)


def _without_secret(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_without_secret(part) for part in value]
    return ("***" if value else "") if isinstance(value, SecretStr) else value


def _leaves(values: dict[str, Any], before: "KeyPath" = ()) -> "Iterator[tuple[KeyPath, Any]]":
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*before, name))
        else:
            yield (*before, name), value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
