"""Variables: `DATACENTER__WEB__PORT=8081` sets `web.port`; with `__FILE` at its end, a variable names a file that holds the value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datacenter.settings.sources.layers import KeyPath, Layer, SettingFault, SettingSource, join, nested
from datacenter.settings.sources.shapes import Model, NotJson, meant

PREFIX = "DATACENTER__"
SEPARATOR = "__"
FILE_SUFFIX = "__FILE"
MAX_BYTES = 1 << 20


class Unreadable(Exception):
    """The file named by a variable cannot be used."""


def variable_of(path: KeyPath) -> str:
    """The variable that sets a key."""
    return PREFIX + SEPARATOR.join(map(str, path)).upper()


def read_variables(environment: Mapping[str, str], model: Model) -> Layer:
    """The values of the variables; case does not matter; lists and mappings are JSON."""
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    faults = []
    # Shorter names first: DATACENTER__STORAGES__INBOX__ROLE overrides the JSON in DATACENTER__STORAGES.
    for variable in sorted(filter(_is_ours, environment), key=lambda name: (name.count(SEPARATOR), name)):
        path = _path_of(variable)
        key = ".".join(path)
        if path in places:
            twice = f"is given twice, by {places[path]} and {variable}; unset one of them"
            faults.append(SettingFault(key=key, detail=twice))
            continue
        places[path] = variable
        try:
            value = meant(model, path, _text_of(variable, environment[variable]))
        except NotJson:
            faults.append(SettingFault(key=key, detail="must be JSON: a list or a mapping", place=variable))
        except Unreadable as error:
            faults.append(SettingFault(key=key, detail=str(error)))
        else:
            values = join(values, nested(path, value))
    return Layer(origin=SettingSource.ENVIRONMENT, values=values, places=places, faults=tuple(faults))


def _is_ours(variable: str) -> bool:
    return variable.upper().startswith(PREFIX)


def _path_of(variable: str) -> tuple[str, ...]:
    name = variable.upper().removeprefix(PREFIX)
    return tuple(name.removesuffix(FILE_SUFFIX).lower().split(SEPARATOR))


def _text_of(variable: str, value: str) -> str:
    if not variable.upper().endswith(FILE_SUFFIX):
        return value
    # The path is not quoted: an operator who confuses this variable with the one without __FILE puts the secret here.
    file_name = f"the file named by {variable}"
    try:
        with Path(value).open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise Unreadable(f"{file_name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{file_name} is not text in UTF-8") from error
    if len(text) > MAX_BYTES:
        raise Unreadable(f"{file_name} is larger than {MAX_BYTES} bytes")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise Unreadable(f"{file_name} is empty")
    return text
