"""Calls about storages: register, show, check, browse, remove."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datacenter.client.addresses import address
from datacenter.client.calls import Calls
from datacenter.client.objects import Entry, Health, Storage
from datacenter.client.reading import read


class Storages:
    """The storages of the token's project, and those that are shared with it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(
        self,
        name: str,
        *,
        kind: str,
        url: str,
        role: str = "platform",
        options: Mapping[str, str | int | bool] | None = None,
        shared: bool = False,
        projects: Sequence[str] | None = None,
    ) -> Storage:
        """Register a storage of the token's project. An operator may share it: with all, or with these projects."""
        body: dict[str, Any] = {
            "name": name,
            "kind": kind,
            "url": url,
            "role": role,
            "options": dict(options or {}),
        }
        if shared:
            body["shared"] = True
        if projects is not None:
            body["projects"] = list(projects)
        return read(Storage, self._calls.json("POST", "/storages", body=body))

    def list(self) -> Iterator[Storage]:
        """All storages, by name."""
        for item in self._calls.items("/storages"):
            yield read(Storage, item)

    def get(self, name: str) -> Storage:
        """The storage with this name."""
        return read(Storage, self._calls.json("GET", address("storages", name)))

    def update(
        self,
        name: str,
        *,
        role: str | None = None,
        url: str | None = None,
        options: Mapping[str, str | int | bool] | None = None,
        shared: bool = False,
        projects: Sequence[str] | None = None,
    ) -> Storage:
        """Change the arguments that are given; `options` replaces all options, but a secret given as `***` stays."""
        body: dict[str, Any] = {
            "role": role,
            "url": url,
            "options": None if options is None else dict(options),
            "shared": True if shared else None,
            "projects": None if projects is None else list(projects),
        }
        changed = {key: value for key, value in body.items() if value is not None}
        return read(Storage, self._calls.json("PATCH", address("storages", name), body=changed))

    def remove(self, name: str) -> None:
        """Remove the registration; the files on the storage stay."""
        self._calls.json("DELETE", address("storages", name))

    def check(self, name: str) -> Health:
        """Whether the storage works for its role."""
        return read(Health, self._calls.json("POST", address("storages", name, "check")))

    def browse(self, name: str, prefix: str = "", *, limit: int | None = None) -> Iterator[Entry]:
        """One level of a source; `limit` is the size of a page."""
        chosen = {"prefix": prefix, "limit": limit}
        for item in self._calls.items(address("storages", name, "browse"), chosen, fail_fast=True):
            yield read(Entry, item)
