"""Rules across settings: combinations that are wrong although each value is valid."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import permutations
from typing import Literal

from datacenter.settings.model import Settings, StorageSettings
from datacenter.settings.sources.faults import did_you_mean
from datacenter.settings.sources.layers import SettingFault
from datacenter.settings.sources.variables import variable_of
from storage_adapters.places import CanonicalPlace, are_nested
from storage_adapters.registry import kinds, places_of

SECRET_CHARACTERS = 32


def _secret_is_missing(settings: Settings) -> Iterator[SettingFault]:
    secret = settings.web.secret_key.get_secret_value()
    if settings.environment == "production" and len(secret) < SECRET_CHARACTERS:
        variable = variable_of(("web", "secret_key"))
        yield SettingFault(
            key="web.secret_key",
            detail=f"production needs a secret of {SECRET_CHARACTERS} characters or more; set {variable}, "
            f"or {variable}__FILE to a file that holds it",
        )


def _public_url_is_missing(settings: Settings) -> Iterator[SettingFault]:
    if settings.environment == "production" and not settings.web.public_url:
        yield SettingFault(
            key="web.public_url",
            detail="production needs the address that download links begin with, like https://data.example.com; "
            f"set {variable_of(('web', 'public_url'))}",
        )


def _server_is_missing(section: Literal["database", "broker"], settings: Settings) -> Iterator[SettingFault]:
    """A missing URL is often a secret that was not mounted; the default would start an empty installation."""
    if settings.environment == "production" and "url" not in getattr(settings, section).model_fields_set:
        variable = variable_of((section, "url"))
        yield SettingFault(
            key=f"{section}.url",
            detail=f"production needs the URL of its {section}; set {variable}, "
            f"or {variable}__FILE to a file that holds it",
        )


def _kind_is_unknown(settings: Settings) -> Iterator[SettingFault]:
    known = kinds()
    for name, storage in settings.storages.items():
        if storage.kind not in known:
            near = did_you_mean(storage.kind, known)
            yield SettingFault(key=f"storages.{name}.kind", detail=f"must be one of {', '.join(known)}{near}")


def _default_is_no_platform(settings: Settings) -> Iterator[SettingFault]:
    default = settings.storages.get(settings.default_storage)
    if settings.storages and default is None:
        near = did_you_mean(settings.default_storage, list(settings.storages))
        yield SettingFault(
            key="default_storage",
            detail=f"there is no storage named {settings.default_storage!r} under storages{near}",
        )
    if default is not None and default.role == "source":
        yield SettingFault(
            key="default_storage",
            detail=f"{settings.default_storage!r} is only a source; its role must be platform or both",
        )


def _places_are_nested(settings: Settings) -> Iterator[SettingFault]:
    for source, platform in find_nested(settings.storages):
        yield SettingFault(
            key=f"storages.{source}",
            detail=f"one of its place and the place of platform {platform!r} is inside the other; "
            "move it elsewhere, or give the platform the role both",
        )


def _ports_are_the_same(settings: Settings) -> Iterator[SettingFault]:
    if settings.web.metrics_port == settings.web.port:
        yield SettingFault(
            key="web.metrics_port",
            detail="is the same as web.port; choose another port, or remove it to serve metrics on web.port",
        )


RULES: tuple[tuple[tuple[str, ...], Callable[[Settings], Iterator[SettingFault]]], ...] = (
    (("environment", "web.secret_key"), _secret_is_missing),
    (("environment", "web.public_url"), _public_url_is_missing),
    (("environment", "database.url"), partial(_server_is_missing, "database")),
    (("environment", "broker.url"), partial(_server_is_missing, "broker")),
    ((), _kind_is_unknown),
    (("default_storage", "storages.{settings.default_storage}"), _default_is_no_platform),
    (("storages",), _places_are_nested),
    (("web.port", "web.metrics_port"), _ports_are_the_same),
)
"""The rules, each with the keys that it reads."""


def find_nested(
    storages: Mapping[str, StorageSettings], real: Callable[[str], str] = os.path.realpath
) -> Iterator[tuple[str, str]]:
    """Pairs of a source and a platform where one is inside the other: any project could import the files of all others.

    `real` makes a local path comparable; to resolve symbolic links waits for the file system.
    """
    places = {name: _places(registered, real) for name, registered in storages.items()}
    for source, platform in permutations(places, 2):
        if storages[source].role == "platform" or storages[platform].role == "source":
            continue
        if are_nested(places[source], places[platform]):
            yield source, platform


def _places(registered: StorageSettings, real: Callable[[str], str]) -> tuple[CanonicalPlace, ...]:
    path = registered.url.removeprefix("nas://")
    url = real(path) if path.startswith("/") else registered.url
    return tuple(places_of(registered.kind, url, registered.options))
