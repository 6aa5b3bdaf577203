"""Faults in the settings: what pydantic rejects, as a key, what is expected, and where the value was set."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from datacenter.settings.sources.layers import KeyPath, Layers, SettingFault, existing
from datacenter.settings.sources.shapes import Model, fields_of, keys_of, shape_at
from datacenter.validation_messages import MESSAGES, Messages, message_for

SETTING_MESSAGES: Messages = {
    **MESSAGES,
    "dict_type": lambda _: "must hold lines of the form `name: value`",
    "missing": lambda _: "is missing; give it a value",
    "model_type": lambda _: "must hold lines of the form `name: value`",
    "string_type": lambda _: "must be text; put it in quotes",
}


def faults_of(error: ValidationError, layers: Layers, model: Model) -> Iterator[SettingFault]:
    """Each fault once, in the order of the settings' class."""
    values, reported = layers.merged(), set()
    for found in error.errors(include_url=False, include_input=False):
        path = _path_of(found, values)
        if path not in reported:
            reported.add(path)
            place = layers.origin_of(path)[1] or layers.origin_of(path[:-1])[1]
            yield SettingFault(key=".".join(map(str, path)), detail=_message(found, path, model), place=place)


def did_you_mean(name: str, known: Mapping[str, str] | Iterable[str]) -> str:
    """`; did you mean …?` for the nearest of the known names, or an empty text; a mapping gives the text to show for each name."""
    near = get_close_matches(name, list(known), n=1)
    name_shown = near and (known[near[0]] if isinstance(known, Mapping) else near[0])
    return f"; did you mean {name_shown}?" if name_shown else ""


def _path_of(found: ErrorDetails, values: dict[str, Any]) -> KeyPath:
    path = found["loc"]
    # A missing value has no place in the values. For any other error, cut off what pydantic adds to name a union member.
    return path if found["type"] == "missing" else existing(values, path)


def _message(found: ErrorDetails, path: KeyPath, model: Model) -> str:
    if found["type"] == "extra_forbidden":
        return f"there is no such setting{_meant(path, model)}"
    return message_for(found["type"], found.get("ctx", {}), SETTING_MESSAGES, otherwise=found["msg"])


def _meant(path: KeyPath, model: Model) -> str:
    """A similar name in the same section, else in any section."""
    *section, name = map(str, path)
    beside = {other: ".".join([*section, other]) for other in fields_of(shape_at(model, tuple(section)))}
    anywhere = {str(key[-1]): ".".join(map(str, key)) for key in keys_of(model)}
    return did_you_mean(name, beside) or did_you_mean(name, anywhere)
