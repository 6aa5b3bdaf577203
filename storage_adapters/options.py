"""Options: a storage's settings from a mapping of plain values into its frozen dataclass."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from storage_adapters.errors import ConfigurationInvalid

OptionValue = str | int | bool
OptionsT = TypeVar("OptionsT")

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_options(shape: type[OptionsT], options: Mapping[str, OptionValue]) -> OptionsT:
    """Build the dataclass `shape` whose fields are `str`, `int` or `bool`; numbers and booleans may come as text.

    Raises:
        ConfigurationInvalid: an option is unknown or has the wrong type, or some are missing; the detail names them.
    """
    fields: dict[str, dataclasses.Field[Any]] = {
        field.name: field
        for field in dataclasses.fields(shape)  # type: ignore[arg-type]  # a type variable cannot be bound to dataclasses
    }
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise ConfigurationInvalid(f"Unknown option {unknown[0]!r}; known are: {', '.join(sorted(fields))}.")
    values = {name: _read_value(name, fields[name].type, value) for name, value in options.items()}
    missing = [
        repr(name)
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING
    ]
    if missing:
        raise ConfigurationInvalid(_are_missing(missing))
    return shape(**values)


def _are_missing(names: list[str]) -> str:
    *others, last = names
    return f"Options {', '.join(others)} and {last} are missing." if others else f"Option {last} is missing."


def _read_value(name: str, wanted: object, value: OptionValue) -> OptionValue:
    """The value as the wanted type, or an error that names the option."""
    if wanted is bool:
        flag = _BOOLEANS.get(str(value).lower())
        if flag is None:
            raise ConfigurationInvalid(f"Option {name!r} must be true or false.")
        return flag
    if wanted is int:
        try:
            if isinstance(value, bool):
                raise ValueError
            return int(value)
        except ValueError as error:
            raise ConfigurationInvalid(f"Option {name!r} must be a whole number.") from error
    if not isinstance(value, str):
        raise ConfigurationInvalid(f"Option {name!r} must be text.")
    return value
