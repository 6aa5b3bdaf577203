"""The settings file: YAML in UTF-8, with the line of every key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from datacenter.settings.sources.layers import KeyPath, Layer, SettingFault, SettingSource
from datacenter.settings.sources.shapes import Model, is_compound, shape_at


def read_file(path: Path, model: Model, named_by: str) -> Layer:
    """The values of the file; its faults are in the layer. `named_by` is what to correct if the file is missing."""
    try:
        node, found = _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        return _broken(f"{named_by} names {path}: {error.strerror}")
    # Not only YAML errors: also text that is not UTF-8, an impossible date, deep nesting.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", look at line {mark.line + 1}" if mark else ""
        return _broken(f"{path} is not YAML in UTF-8{where}")
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        return _broken(f"{path} must hold lines of the form `name: value`")
    places: dict[KeyPath, str] = {}
    faults = []
    for key, line in _lines(node):
        place = f"{path}, line {line}"
        if key in places:
            twice = f"is given twice, first in line {places[key].rsplit(' ', 1)[-1]}; remove one"
            faults.append(SettingFault(key=".".join(map(str, key)), detail=twice, place=place))
        places[key] = place
    values = _without_empty_sections(found, model)
    return Layer(origin=SettingSource.FILE, values=values, places=places, faults=tuple(faults))


def _broken(detail: str) -> Layer:
    return Layer(origin=SettingSource.FILE, faults=(SettingFault(key="", detail=detail),))


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) or {} if node is not None else {}
    finally:
        loader.dispose()


def _lines(node: yaml.Node | None, before: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            key = (*before, name.value)
            yield key, name.start_mark.line + 1
            yield from _lines(value, key)


def _without_empty_sections(found: dict[str, Any], model: Model, before: KeyPath = ()) -> dict[str, Any]:
    """A section whose lines are all commented out sets nothing."""
    result = {}
    for name, value in found.items():
        path = (*before, name)
        if value is None and is_compound(shape_at(model, path)):
            continue
        result[name] = _without_empty_sections(value, model, path) if isinstance(value, dict) else value
    return result
