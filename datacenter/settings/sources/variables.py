"""Variables: `DATACENTER__WEB__PORT=8081` says `web.port`, `DATACENTER__WEB__SECRET_KEY__FILE=/path` a file that holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datacenter.settings.sources.layers import KeyPath, Layer, SettingFault, SettingSource, join, nested
from datacenter.settings.sources.shapes import Model, NotJson, meant

PREFIX = "DATACENTER__"
BETWEEN = "__"
IN_A_FILE = "__FILE"
MAX_BYTES = 1 << 20


class Unreadable(Exception):
    """A file that a variable names gives no value."""


def variable_of(path: KeyPath) -> str:
    """The variable that sets a key."""
    return PREFIX + BETWEEN.join(map(str, path)).upper()


def read_variables(environment: Mapping[str, str], model: Model) -> Layer:
    """What the variables say; upper and lower case are the same, lists and mappings are JSON."""
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    faults = []
    # The shorter first: DATACENTER__STORAGES__INBOX__ROLE is stronger than what DATACENTER__STORAGES says in JSON.
    for variable in sorted(filter(_is_ours, environment), key=lambda name: (name.count(BETWEEN), name)):
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
    return tuple(name.removesuffix(IN_A_FILE).lower().split(BETWEEN))


def _text_of(variable: str, value: str) -> str:
    if not variable.upper().endswith(IN_A_FILE):
        return value
    # The path is not repeated: whoever took the variable for the other one has put the secret itself here.
    told = f"the file that {variable} names"
    try:
        with Path(value).open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except OSError as error:
        raise Unreadable(f"{told} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{told} is not text in UTF-8") from error
    if len(text) > MAX_BYTES:
        raise Unreadable(f"{told} is larger than {MAX_BYTES} bytes")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise Unreadable(f"{told} is empty")
    return text
