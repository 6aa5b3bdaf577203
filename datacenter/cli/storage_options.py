"""Options of a storage on the command line; secrets come by standard input or the environment, never as an argument."""

import getpass
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from datacenter.cli.errors import WrongUse
from datacenter.storages.secret_options import is_secret

OptionArguments = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="An option of the kind; repeat for more."),
]
SecretOptionArguments = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-option",
        metavar="NAME[=VARIABLE]",
        help="A secret, from a prompt, a line of standard input, or an environment variable.",
    ),
]


def read_options(options: Sequence[str], secret_options: Sequence[str]) -> dict[str, str | int | bool]:
    """`NAME=VALUE` options and the secrets, in one mapping; values are text, which adapters read as they need it.

    Raises: WrongUse, also for a secret that was given as an argument: every process of the machine can read those.
    """
    read: dict[str, str | int | bool] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise WrongUse("--option needs the form NAME=VALUE", cure="for a secret: --secret-option NAME")
        if is_secret(name):
            raise WrongUse(
                f"option {name} is a secret, and other users can read arguments",
                cure=f"--secret-option {name} reads it from standard input, {name}=VARIABLE from the environment",
            )
        read[name] = value
    for option in secret_options:
        name, equals, variable = option.partition("=")
        if not is_secret(name):
            raise WrongUse(
                f"option {name} is not known as a secret, and would be stored unencrypted",
                cure="give it with --option",
            )
        read[name] = _from_environment(name, variable) if equals else _from_input(name)
    return read


def _from_environment(name: str, variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise WrongUse(
            f"the environment variable given for option {name} does not exist",
            cure=f"--secret-option {name}=VARIABLE takes the name of a variable, not the secret",
        ) from None


def _from_input(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise WrongUse(
            f"standard input has no line for option {name}", cure="give one line for each --secret-option"
        )
    return line
