"""Loading: the settings out of file, variables and flags, or everything that is wrong with them at once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from datacenter.errors import SettingsInvalid
from datacenter.settings.model import CONFIG_VARIABLE, Settings
from datacenter.settings.rules import UNSAFE
from datacenter.settings.sources.faults import faults_of
from datacenter.settings.sources.file import read_file
from datacenter.settings.sources.flags import read_flags
from datacenter.settings.sources.layers import Layers, SettingFault, without
from datacenter.settings.sources.variables import read_variables


def read_layers(assignments: Sequence[str] = (), **overrides: Any) -> Layers:
    """What the file that `DATACENTER_CONFIG` names, the variables and the flags say, each stronger than the one before."""
    path = os.environ.get(CONFIG_VARIABLE)
    file = [read_file(Path(path), Settings, f"--config or {CONFIG_VARIABLE}")] if path else []
    return Layers([*file, read_variables(os.environ, Settings), read_flags(assignments, overrides, Settings)])


def load_settings(assignments: Sequence[str] = (), **overrides: Any) -> Settings:
    """Read the settings; `assignments` are what `--set` was given.

    Raises:
        SettingsInvalid: naming every wrong key and what is expected; no value is quoted, it may be a secret.
    """
    found = check_settings(read_layers(assignments, **overrides))
    if isinstance(found, Settings):
        return found
    raise SettingsInvalid(*map(str, found))


def check_settings(layers: Layers) -> Settings | list[SettingFault]:
    """The settings, or everything that is wrong with them."""
    faults, values = list(layers.faults()), layers.merged()
    dropped: list[str] = []
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += faults_of(error, layers, Settings)
        # The rest is looked at as well, so that one look tells everything.
        settings, dropped = _rest_of(values, faults)
    wrong = [*(fault.key for fault in faults), *dropped]
    for keys, unsafe in UNSAFE:
        looked_at = [key.format(settings=settings) for key in keys]
        if not any(_touches(one, key) for one in wrong for key in looked_at):
            found = (
                fault for fault in unsafe(settings) if not any(_touches(one, fault.key) for one in wrong)
            )
            faults += (replace(fault, place=_place(fault.key, layers)) for fault in found)
    return faults or settings


def _place(key: str, layers: Layers) -> str:
    """Where the value was said; nowhere, if it is missing or the default."""
    return layers.origin_of(tuple(key.split(".")))[1]


def _rest_of(values: Mapping[str, Any], faults: Sequence[SettingFault]) -> tuple[Settings, list[str]]:
    """The settings without the values that are wrong by themselves, or without their whole sections, which are named."""
    rest = dict(values)
    for fault in faults:
        rest = without(rest, tuple(fault.key.split(".")))
    try:
        return Settings(**rest), []
    except ValidationError:
        wrong = {fault.key.split(".", 1)[0] for fault in faults}
        return Settings(**{name: value for name, value in values.items() if name not in wrong}), sorted(wrong)


def _touches(wrong: str, key: str) -> bool:
    """Whether one is the other or a part of it."""
    return f"{wrong}.".startswith(f"{key}.") or f"{key}.".startswith(f"{wrong}.")
