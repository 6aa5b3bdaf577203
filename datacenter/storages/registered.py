"""The registered storages, opened by name and kept open."""

import threading

from datacenter.errors import Invalid
from datacenter.settings import Settings, StorageSettings
from storage_adapters.contract import Storage
from storage_adapters.registry import open_storage


class Storages:
    """Opens each storage once a process. Safe for threads; make a new one after a fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Storage] = {}
        self._lock = threading.Lock()

    @property
    def default_name(self) -> str:
        """Where datasets go when a request names no storage."""
        return self._settings.default_storage

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._settings.storages)

    def describe(self, name: str) -> StorageSettings:
        """How a storage was registered. Raises: Invalid."""
        try:
            return self._settings.storages[name]
        except KeyError:
            known = ", ".join(self.names()) or "none"
            raise Invalid(
                f"storage: there is none named {name!r}; registered are: {known}", field="storage"
            ) from None

    def open(self, name: str) -> Storage:
        """The storage of this name. Raises: Invalid when it is not registered, ConfigurationInvalid."""
        registered = self.describe(name)
        with self._lock:
            if name not in self._open:
                self._open[name] = open_storage(registered.kind, registered.url, registered.options)
            return self._open[name]
