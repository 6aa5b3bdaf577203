"""Shapes: the type that a settings class expects at a key, and how a text is read for it."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from datacenter.settings.sources.layers import KeyPath

Model = type[BaseModel]


class NotJson(ValueError):
    """The text is not JSON, which lists and mappings need."""


def shape_at(model: Model, path: KeyPath) -> Any:
    """The annotation of the key; None if there is no such key."""
    shape: Any = model
    for name in path:
        fields = fields_of(shape)
        if get_origin(shape) is dict:
            shape = get_args(shape)[1]
        elif name in fields:
            shape = fields[str(name)].annotation
        else:
            return None
    return shape


def fields_of(shape: Any) -> dict[str, Any]:
    """The fields of a section; nothing for any other shape."""
    return dict(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else {}


def is_compound(shape: Any) -> bool:
    """Whether it is a section, a mapping or a list."""
    return bool(fields_of(shape)) or get_origin(shape) in (dict, list, tuple)


def meant(model: Model, path: KeyPath, text: str) -> Any:
    """The value of a variable's or flag's text at this key. Raises: NotJson."""
    if not is_compound(shape_at(model, path)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise NotJson from None


def keys_of(model: Model, before: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key with a fixed name; a section comes before its keys."""
    for name, found in fields_of(model).items():
        yield (*before, name)
        yield from keys_of(found.annotation, (*before, name))
