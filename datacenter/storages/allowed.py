"""Allowed places: where a storage that is registered by request may lie, so that no caller makes us look anywhere."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from datacenter.errors import Invalid
from datacenter.settings.model import Settings
from datacenter.storages.secret_options import Options
from storage_adapters.network.address_policy import is_near
from storage_adapters.network.reach import Reach, addresses_of

PORTS = {"http": 80, "https": 443}
PLACE_OPTION = re.compile(
    r"(?:^|_)(?:endpoint|hosts|url|uri|address|servers?|proxy|staging|namenodes?|datanodes?)$", re.IGNORECASE
)
"""Options that name a place even where they are written without a scheme."""
URL_OPTION = re.compile(r"^(?:host|port)$", re.IGNORECASE)
"""Options that would lead elsewhere than the URL says."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place as it is compared: a local path has no host, an address without a scheme has the scheme ``."""

    scheme: str
    host: str = ""
    port: int | None = None
    segments: tuple[str, ...] = ()

    @property
    def is_near(self) -> bool:
        """Whether it says itself that it is on this machine or its link; a name may lead there without saying so."""
        return self.host == "localhost" or is_near(self.host)

    def holds(self, other: "Place") -> bool:
        """Whether the other place is this one or lies below it."""
        if self.host != other.host or other.scheme not in (self.scheme, ""):
            return False
        port = other.port or PORTS.get(self.scheme)
        return self.port == port and other.segments[: len(self.segments)] == self.segments


def resolved(url: str) -> str:
    """The URL as it is kept: a local path without `..` and symbolic links, so that it stays what was allowed."""
    path = url.removeprefix("nas://")
    return f"nas://{os.path.realpath(path)}" if path.startswith("/") else url


def places_of(url: str, options: Options) -> Iterator[tuple[str, Place]]:
    """Every place that a storage would speak to, with the field that names it.

    Raises:
        Invalid: an address that is not one, or one that carries a password, a query or a step upwards.
    """
    yield "url", _place(url, "url")
    for name, value in options.items():
        field = f"options.{name}"
        if URL_OPTION.search(name):
            raise Invalid(f"{field}: write it into the URL, scheme://host:port", field=field)
        for each in _addresses_in(str(value)):
            if "://" in each or (each and isinstance(value, str) and PLACE_OPTION.search(name)):
                yield field, _place(each, field)


def check_allowed(settings: Settings, url: str, options: Options) -> None:
    """Refuse a place that the settings do not allow. Nothing is contacted.

    Raises:
        Invalid: naming the field and the entry that is missing under `registration.allow`.
    """
    entries = [_place(entry, "registration.allow") for entry in settings.registration.allow]
    anywhere = settings.environment == "development" and not entries
    for field, place in places_of(url, options):
        if not anywhere and not any(entry.holds(place) for entry in entries):
            raise Invalid(
                f"{field}: this place may not be registered; whoever runs the server can list it "
                "under registration.allow",
                field=field,
            )


def check_far(settings: Settings, url: str, options: Options) -> None:
    """In production, refuse a name that leads to this machine or its link unless that very address is listed.

    Names are looked up, which can take seconds. Raises: Invalid.
    """
    if settings.environment != "production":
        return
    listed = {_place(entry, "registration.allow").host for entry in settings.registration.allow}
    for field, place in places_of(url, options):
        near = place.host and any(map(is_near, addresses_of(place.host)))
        if near and not (place.host in listed and place.is_near):
            raise Invalid(
                f"{field}: {place.host} is an address of the server itself or its link", field=field
            )


def reach_of(settings: Settings, url: str, options: Options) -> Reach:
    """How far a storage that was registered by request may lead, whatever its names lead to by now."""
    if settings.environment == "development" and not settings.registration.allow:
        return Reach.ANY
    # Whatever is near here was listed as such, see `check_far`.
    near = any(place.is_near for _, place in places_of(url, options))
    return Reach.NAMED if near or settings.environment == "development" else Reach.FAR


def _addresses_in(value: str) -> list[str]:
    """The addresses of a list like `nn1:8020,nn2:8020`; a URL or a path is one, commas and all."""
    first, *_ = pieces = [piece.strip() for piece in value.split(",")]
    return [value.strip()] if "://" in first or first.startswith("/") else pieces


def _place(url: str, field: str) -> Place:
    path = url.removeprefix("nas://")
    if path.startswith("/"):
        real = os.path.realpath(path)
        return Place(scheme="nas", segments=tuple(filter(None, real.split("/"))))
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Invalid(f"{field}: it is not an address", field=field) from None
    if parts.password is not None:
        raise Invalid(
            f"{field}: a URL is shown to everybody; give the password as an option, which is kept encrypted",
            field=field,
        )
    if parts.query or parts.fragment:
        raise Invalid(f"{field}: leave out what follows ? or #; give it as options", field=field)
    segments = tuple(filter(None, unquote(parts.path).replace("\\", "/").split("/")))
    if {".", ".."} & set(segments) or not host or "\\" in parts.netloc:
        raise Invalid(f"{field}: it is not an address of the form scheme://host/path", field=field)
    scheme = parts.scheme.lower()
    return Place(scheme=scheme, host=host, port=port or PORTS.get(scheme), segments=segments)


FILE_OPTION = re.compile(r"(?:^|_)(?:file|dir|directory|path|ca|certificate)$|^tls_key$", re.IGNORECASE)
"""Options whose value is the name of a file or a directory: `ca_file`, `tls_ca`, `tls_key`, `config_dir`."""


def check_files(settings: Settings, options: Options) -> None:
    """Refuse a file outside of the directories that the settings list. No file is opened.

    Raises:
        Invalid: naming the option and the entry that is missing; the file's name is not quoted.
    """
    listed = settings.registration.files
    if settings.environment == "development" and not listed:
        return
    directories = [os.path.realpath(directory) for directory in listed]
    for name, value in options.items():
        if FILE_OPTION.search(name) and value != "" and not _is_within(str(value), directories):
            raise Invalid(
                f"options.{name}: this file may not be named; whoever runs the server can list its directory "
                "under registration.files",
                field=f"options.{name}",
            )


def _is_within(file: str, directories: list[str]) -> bool:
    """Whether a file lies in one of the directories, once symbolic links and `..` are resolved."""
    if not os.path.isabs(file) or "\0" in file:
        return False
    real = os.path.realpath(file)
    return any(os.path.commonpath((real, directory)) == directory for directory in directories)
