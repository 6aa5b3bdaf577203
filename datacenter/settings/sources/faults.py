"""Faults: what pydantic finds wrong with the settings, told as a key, what is expected there, and where it was said."""

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
    values, told = layers.merged(), set()
    for found in error.errors(include_url=False, include_input=False):
        path = _path_of(found, values)
        if path not in told:
            told.add(path)
            place = layers.origin_of(path)[1] or layers.origin_of(path[:-1])[1]
            yield SettingFault(key=".".join(map(str, path)), detail=_words(found, path, model), place=place)


def did_you_mean(name: str, known: Mapping[str, str] | Iterable[str]) -> str:
    """`; did you mean …?` for the nearest of the known names, or nothing; a mapping has what is told for each name."""
    near = get_close_matches(name, list(known), n=1)
    told = near and (known[near[0]] if isinstance(known, Mapping) else near[0])
    return f"; did you mean {told}?" if told else ""


def _path_of(found: ErrorDetails, values: dict[str, Any]) -> KeyPath:
    path = found["loc"]
    # What is missing is not there; anything else is, up to what pydantic adds to name the members of a union.
    return path if found["type"] == "missing" else existing(values, path)


def _words(found: ErrorDetails, path: KeyPath, model: Model) -> str:
    if found["type"] == "extra_forbidden":
        return f"there is no such setting{_meant(path, model)}"
    return message_for(found["type"], found.get("ctx", {}), SETTING_MESSAGES, otherwise=found["msg"])


def _meant(path: KeyPath, model: Model) -> str:
    """A name like it beside it, else anywhere."""
    *section, name = map(str, path)
    beside = {other: ".".join([*section, other]) for other in fields_of(shape_at(model, tuple(section)))}
    anywhere = {str(key[-1]): ".".join(map(str, key)) for key in keys_of(model)}
    return did_you_mean(name, beside) or did_you_mean(name, anywhere)
