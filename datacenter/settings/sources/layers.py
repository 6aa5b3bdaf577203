"""Layers of settings: file, environment and flags, each overriding the one before, with the place of each value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

KeyPath = tuple[str | int, ...]
"""The keys that lead to a value: `("web", "port")`."""
Values = Mapping[str, Any]


class SettingSource(StrEnum):
    """Where a value comes from; later ones override earlier ones."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, kw_only=True)
class SettingFault:
    """One fault: the key, what is wrong and what to do, and where the value was set. It never holds the value."""

    key: str
    detail: str
    place: str = ""

    def __str__(self) -> str:
        text = f"{self.key}: {self.detail}" if self.key else self.detail
        return f"{text} ({self.place})" if self.place else text


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The values of one source; `places` has the line, variable or flag that set each of them."""

    origin: SettingSource
    values: Values = field(default_factory=dict)
    places: Mapping[KeyPath, str] = field(default_factory=dict)
    faults: tuple[SettingFault, ...] = ()

    def says(self, path: KeyPath) -> bool:
        """Whether this source sets a value there or below."""
        return _reach(self.values, path) == len(path)

    def place_of(self, path: KeyPath) -> str:
        """The place of this key, else of a section around it, else of the first key in it; empty if the source sets none."""
        candidates = [path[:length] for length in range(len(path), 0, -1)]
        candidates += [place for place in self.places if place[: len(path)] == path]
        return next((self.places[part] for part in candidates if part in self.places), "")


@dataclass(frozen=True)
class Layers:
    """All sources; later ones override earlier ones."""

    layers: Sequence[Layer] = field(default_factory=tuple)

    def merged(self) -> dict[str, Any]:
        """All values together: mappings are merged; for anything else the last source that sets it counts."""
        together: dict[str, Any] = {}
        for layer in self.layers:
            together = join(together, layer.values)
        return together

    def origin_of(self, path: KeyPath) -> tuple[SettingSource, str]:
        """The source whose value counts, and the place of the value in it."""
        for layer in reversed(self.layers):
            if layer.says(path):
                return layer.origin, layer.place_of(path)
        return SettingSource.DEFAULT, ""

    def faults(self) -> Iterator[SettingFault]:
        """What no source could read."""
        for layer in self.layers:
            yield from layer.faults


def join(weak: Values, strong: Values) -> dict[str, Any]:
    """Both mappings merged, recursively; `strong` overrides `weak`."""
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
    result: dict[str, Any] = value
    return result


def without(values: Values, path: KeyPath) -> dict[str, Any]:
    """The values without the one at `path`."""
    name, *below = path
    rest = dict(values)
    if below and isinstance(rest.get(str(name)), Mapping):
        rest[str(name)] = without(rest[str(name)], tuple(below))
    elif not below:
        rest.pop(str(name), None)
    return rest


def existing(values: Values, path: KeyPath) -> KeyPath:
    """The part of the path that exists in the values; what a validator appends for its own parts is cut off."""
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
