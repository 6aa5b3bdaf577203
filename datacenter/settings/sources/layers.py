"""Layers: what a file, the environment and the flags say, each stronger than the one before, with its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

KeyPath = tuple[str | int, ...]
"""Where a value stands: `("web", "port")`."""
Values = Mapping[str, Any]


class SettingSource(StrEnum):
    """Where a value comes from, the weakest first."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, kw_only=True)
class SettingFault:
    """One thing that is wrong: the key, what is wrong and what to do, and where it was said. No value is in it."""

    key: str
    detail: str
    place: str = ""

    def __str__(self) -> str:
        told = f"{self.key}: {self.detail}" if self.key else self.detail
        return f"{told} ({self.place})" if self.place else told


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What one source says; `places` names the line, the variable or the flag of everything that it says by itself."""

    origin: SettingSource
    values: Values = field(default_factory=dict)
    places: Mapping[KeyPath, str] = field(default_factory=dict)
    faults: tuple[SettingFault, ...] = ()

    def says(self, path: KeyPath) -> bool:
        """Whether it has a value there, or something below."""
        return _reach(self.values, path) == len(path)

    def place_of(self, path: KeyPath) -> str:
        """Where it says this, or what this is a part of, or the first part of it; empty where it says nothing."""
        told = [path[:length] for length in range(len(path), 0, -1)]
        told += [place for place in self.places if place[: len(path)] == path]
        return next((self.places[part] for part in told if part in self.places), "")


@dataclass(frozen=True)
class Layers:
    """All sources, the weakest first."""

    layers: Sequence[Layer] = field(default_factory=tuple)

    def merged(self) -> dict[str, Any]:
        """What they say together: mappings are joined, of anything else the strongest holds."""
        together: dict[str, Any] = {}
        for layer in self.layers:
            together = join(together, layer.values)
        return together

    def origin_of(self, path: KeyPath) -> tuple[SettingSource, str]:
        """The source whose value holds, and its place in it."""
        for layer in reversed(self.layers):
            if layer.says(path):
                return layer.origin, layer.place_of(path)
        return SettingSource.DEFAULT, ""

    def faults(self) -> Iterator[SettingFault]:
        """What could not be read at all."""
        for layer in self.layers:
            yield from layer.faults


def join(weak: Values, strong: Values) -> dict[str, Any]:
    """Both mappings in one, and so for the mappings in them."""
    joined = dict(weak)
    for name, value in strong.items():
        below = joined.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        joined[name] = join(below, value) if both else value  # type: ignore[arg-type]  # `both` is what mypy cannot see through
    return joined


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """`{"web": {"port": 80}}` for `("web", "port")` and 80."""
    for name in reversed(path):
        value = {name: value}
    found: dict[str, Any] = value
    return found


def without(values: Values, path: KeyPath) -> dict[str, Any]:
    """The values but the one there; nothing changes if there is none."""
    name, *below = path
    rest = dict(values)
    if below and isinstance(rest.get(str(name)), Mapping):
        rest[str(name)] = without(rest[str(name)], tuple(below))
    elif not below:
        rest.pop(str(name), None)
    return rest


def existing(values: Values, path: KeyPath) -> KeyPath:
    """The path as far as there is something in the values; what a validator adds to name its own parts is cut off."""
    return path[: _reach(values, path)]


def _reach(values: Any, path: KeyPath) -> int:
    for depth, name in enumerate(path):
        try:
            values = _below(values)[name]
        except (KeyError, IndexError, TypeError):  # the last: a name where a list has numbers
            return depth
    return len(path)


def _below(values: Any) -> Any:
    return values if isinstance(values, Mapping | list | tuple) else {}
