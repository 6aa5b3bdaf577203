"""Loading: the settings from file, variables and flags, or all their faults at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datacenter.errors import SettingsInvalid
from datacenter.settings.model import CONFIG_VARIABLE, Settings
from datacenter.settings.rules import RULES
from datacenter.settings.sources.faults import faults_of
from datacenter.settings.sources.file import read_file
from datacenter.settings.sources.flags import read_flags
from datacenter.settings.sources.layers import Layers, SettingFault, without
from datacenter.settings.sources.variables import read_variables


def read_layers(assignments: Sequence[str] = (), **overrides: Any) -> Layers:
    """The layers of the file in `DATACENTER_CONFIG`, the variables and the flags; later ones override earlier ones."""
    path = os.environ.get(CONFIG_VARIABLE)
    file = [read_file(Path(path), Settings, f"--config or {CONFIG_VARIABLE}")] if path else []
    return Layers([*file, read_variables(os.environ, Settings), read_flags(assignments, overrides, Settings)])


def load_settings(assignments: Sequence[str] = (), **overrides: Any) -> Settings:
    """Read the settings; `assignments` are the values of `--set`.

    Raises:
        SettingsInvalid: names every wrong key and what is expected; values are never quoted, they may be secrets.
    """
    found = check_settings(read_layers(assignments, **overrides))
    if isinstance(found, Settings):
        return found
    raise SettingsInvalid(*map(str, found))


def check_settings(layers: Layers) -> Settings | list[SettingFault]:
    """The settings, or all their faults."""
    faults, values = list(layers.faults()), layers.merged()
    dropped: list[str] = []
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += faults_of(error, layers, Settings)
        # The rest is checked as well, so that one run reports every fault.
        settings, dropped = _rest_of(values, faults)
    wrong = [*(fault.key for fault in faults), *dropped]
    for keys, rule in RULES:
        read_keys = [key.format(settings=settings) for key in keys]
        if not any(_touches(one, key) for one in wrong for key in read_keys):
            found = (fault for fault in rule(settings) if not any(_touches(one, fault.key) for one in wrong))
            faults += (replace(fault, place=_place(fault.key, layers)) for fault in found)
    return faults or settings


def _place(key: str, layers: Layers) -> str:
    """Where the value was set; empty if it is missing or the default."""
    return layers.origin_of(tuple(key.split(".")))[1]


def _rest_of(values: Mapping[str, Any], faults: Sequence[SettingFault]) -> tuple[Settings, list[str]]:
    """The settings without the wrong values, or without their whole sections; also the names of those sections."""
    rest = dict(values)
    for fault in faults:
        rest = without(rest, tuple(fault.key.split(".")))
    try:
        return Settings(**rest), []
    except ValidationError:
        wrong = {fault.key.split(".", 1)[0] for fault in faults}
        return Settings(**{name: value for name, value in values.items() if name not in wrong}), sorted(wrong)


def _touches(wrong: str, key: str) -> bool:
    """Whether one key is the other or a part of it."""
    return f"{wrong}.".startswith(f"{key}.") or f"{key}.".startswith(f"{wrong}.")
