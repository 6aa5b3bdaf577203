"""`datacenter storages update`: change how a storage is registered, option by option."""

from typing import Annotated

import typer

from datacenter.cli.connection import connect
from datacenter.cli.errors import WrongUse
from datacenter.cli.output import JsonOption, print_json
from datacenter.cli.storage_options import OptionArguments, SecretOptionArguments, read_options


def update(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The storage's name.")],
    url: Annotated[
        str | None, typer.Option(help="Another place; its secrets have to be given again.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="platform, source or both.")] = None,
    option: OptionArguments = None,
    secret_option: SecretOptionArguments = None,
    remove_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An option to take away; repeat for more.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change what is given; all other options and secrets stay as they are."""
    changed = read_options(option or (), secret_option or ())
    removed = set(remove_option or ())
    if not (url or role or changed or removed):
        raise WrongUse("there is nothing to change", cure="datacenter storages update --help")
    with connect(context) as client:
        options = None
        if changed or removed:
            before = client.storages.get(name).options
            if unknown := sorted(removed - before.keys()):
                raise WrongUse(f"{name} has no option {unknown[0]}", cure=f"datacenter storages show {name}")
            options = {key: value for key, value in (before | changed).items() if key not in removed}
        storage = client.storages.update(name, role=role, url=url, options=options)
    if as_json:
        print_json(storage)
    else:
        typer.echo(f"storage {storage.name} is changed; try it: datacenter storages check {storage.name}")
