"""Allowed places: where storages that are registered by request may be, so that a caller cannot make us contact any host."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from datacenter.errors import Invalid
from datacenter.settings.model import Settings
from datacenter.storages.secret_options import Options
from storage_adapters.network.address_policy import is_near
from storage_adapters.network.reach import Reach, addresses_of
from storage_adapters.options import OptionValue

PORTS = {"http": 80, "https": 443}
PLACE_OPTION = re.compile(
    r"(?:^|_)(?:endpoint|hosts|url|uri|address|servers?|proxy|staging|namenodes?|datanodes?)$", re.IGNORECASE
)
"""Options that name a place, even without a scheme."""
URL_OPTION = re.compile(r"^(?:host|port)$", re.IGNORECASE)
"""Options that would override the place in the URL."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in comparable form: a local path has no host, an address without a scheme has an empty one."""

    scheme: str
    host: str = ""
    port: int | None = None
    segments: tuple[str, ...] = ()

    @property
    def is_near(self) -> bool:
        """Whether the address itself is on this machine or its link; a name may still resolve to such an address."""
        return self.host == "localhost" or is_near(self.host)

    def holds(self, other: "Place") -> bool:
        """Whether the other place is this one or is below it."""
        if self.host != other.host or other.scheme not in (self.scheme, ""):
            return False
        port = other.port or PORTS.get(self.scheme)
        return self.port == port and other.segments[: len(self.segments)] == self.segments


def resolved(url: str) -> str:
    """The URL as it is stored: a local path has no `..` and no symbolic links, so that it stays the allowed one."""
    path = url.removeprefix("nas://")
    return f"nas://{os.path.realpath(path)}" if path.startswith("/") else url


@lru_cache(maxsize=4096)
def resolved_once(url: str) -> str:
    """The same for a URL of the settings file, once a program: its forks inherit it, and a link that is changed later
    changes no place."""
    return resolved(url)


def places_of(url: str, options: Options) -> Iterator[tuple[str, Place]]:
    """Every place that a storage would contact, with the field that names it.

    Raises:
        Invalid: an invalid address, or one with a password, a query or `..`.
    """
    yield "url", _place(url, "url")
    for name, value in options.items():
        field = f"options.{name}"
        if URL_OPTION.search(name):
            raise Invalid(f"{field}: write it into the URL, scheme://host:port", field=field)
        for address in _addresses_in(str(value)):
            if "://" in address or (address and isinstance(value, str) and PLACE_OPTION.search(name)):
                yield field, _place(address, field)


def resolve_allowed(settings: Settings) -> None:
    """Resolve the symbolic links of the allowed places, once a process: a link that is changed later changes no place."""
    for entry in settings.registration.allow:
        with suppress(Invalid):
            _entry(entry)


def check_allowed(settings: Settings, url: str, options: Options) -> None:
    """Refuse places that the settings do not allow. Contacts no server.

    Raises:
        Invalid: naming the field and the entry that is missing under `registration.allow`.
    """
    entries = [_entry(entry) for entry in settings.registration.allow]
    anywhere = settings.environment == "development" and not entries
    for field, place in places_of(url, options):
        if not anywhere and not any(entry.holds(place) for entry in entries):
            raise Invalid(
                f"{field}: this place is not allowed; the operator can add it to registration.allow",
                field=field,
            )


def check_far(settings: Settings, url: str, options: Options) -> None:
    """In production, refuse a name that resolves to this machine or its link, unless exactly this address is listed.

    Resolves names, which can take seconds. Raises: Invalid.
    """
    if settings.environment != "production":
        return
    listed = {_entry(entry).host for entry in settings.registration.allow}
    for field, place in places_of(url, options):
        near = place.host and any(map(is_near, addresses_of(place.host)))
        if near and not (place.host in listed and place.is_near):
            raise Invalid(
                f"{field}: {place.host} is an address of the server itself or its link; use another host",
                field=field,
            )


def reach_of(settings: Settings, url: str, options: Options) -> Reach:
    """Which addresses a storage that was registered by request may reach, even if its names resolve differently now."""
    if settings.environment == "development" and not settings.registration.allow:
        return Reach.ANY
    # A near place was listed as such, see `check_far`.
    near = any(place.is_near for _, place in places_of(url, options))
    return Reach.NAMED if near or settings.environment == "development" else Reach.FAR


SAFE_DEFAULTS: Mapping[str, Options] = {"mysql": {"tls": "verify-identity"}}
"""Options of storages that are registered by request in production, by kind, where the registration says nothing."""


def with_safe_defaults(settings: Settings, kind: str, options: Options) -> dict[str, OptionValue]:
    """The options of a registered storage, with the safe value of those that were left out in production."""
    safe = SAFE_DEFAULTS.get(kind, {}) if settings.environment == "production" else {}
    return {**safe, **options}


def _addresses_in(value: str) -> list[str]:
    """The addresses of a list like `nn1:8020,nn2:8020`; a URL or a path is one address, including its commas."""
    first, *_ = pieces = [piece.strip() for piece in value.split(",")]
    return [value.strip()] if "://" in first or first.startswith("/") else pieces


@lru_cache(maxsize=4096)
def _entry(entry: str) -> Place:
    return _place(entry, "registration.allow")


def _place(url: str, field: str) -> Place:
    path = url.removeprefix("nas://")
    if path.startswith("/"):
        real = os.path.realpath(path)
        return Place(scheme="nas", segments=tuple(filter(None, real.split("/"))))
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Invalid(f"{field}: it is not a valid address", field=field) from None
    if parts.password is not None:
        raise Invalid(
            f"{field}: a URL is visible to every user; give the password as an option, which is stored encrypted",
            field=field,
        )
    if parts.query or parts.fragment:
        raise Invalid(f"{field}: it must not contain ? or #; use options instead", field=field)
    segments = tuple(filter(None, unquote(parts.path).replace("\\", "/").split("/")))
    if {".", ".."} & set(segments) or not host or "\\" in parts.netloc:
        raise Invalid(f"{field}: it must be an address of the form scheme://host/path", field=field)
    scheme = parts.scheme.lower()
    return Place(scheme=scheme, host=host, port=port or PORTS.get(scheme), segments=segments)


FILE_OPTION = re.compile(r"(?:^|_)(?:file|dir|directory|path|ca|certificate)$|^tls_key$", re.IGNORECASE)
"""Options whose value is the name of a file or a directory: `ca_file`, `tls_ca`, `tls_key`, `config_dir`."""


def check_files(settings: Settings, options: Options) -> None:
    """Refuse files outside of the directories that the settings list. Opens no file.

    Raises:
        Invalid: naming the option and the missing entry; the file's name is not quoted.
    """
    listed = settings.registration.files
    if settings.environment == "development" and not listed:
        return
    directories = [os.path.realpath(directory) for directory in listed]
    for name, value in options.items():
        if FILE_OPTION.search(name) and value != "" and not _is_within(str(value), directories):
            raise Invalid(
                f"options.{name}: this file is not allowed; the operator can add its directory to registration.files",
                field=f"options.{name}",
            )


def _is_within(file: str, directories: list[str]) -> bool:
    """Whether a file is in one of the directories, after symbolic links and `..` are resolved."""
    if not os.path.isabs(file) or "\0" in file:
        return False
    real = os.path.realpath(file)
    return any(os.path.commonpath((real, directory)) == directory for directory in directories)
