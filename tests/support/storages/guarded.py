"""A storage with credentials, for tests of the code that keeps them: it opens only with its key and quotes it in errors."""

from collections.abc import Mapping

from support.storages.memory import MemoryStorage
from support.storages.url_places import url_places

from datacenter.storages.observed import ObservedStorage
from datacenter.storages.opener import Storages
from storage_adapters.errors import ConfigurationInvalid, PermissionDenied, StorageUnavailable
from storage_adapters.object_storage.contract import Health
from storage_adapters.options import OptionValue
from storage_adapters.registry import AdapterEntry

CANARY = "canary-4c1f9e27"
GUARDED = AdapterEntry(
    target="support.storages.guarded:GuardedStorage", install="part of the tests", places=url_places
)


class GuardedStorage(MemoryStorage):
    """A memory storage behind `secret_key`; its errors quote the key, as those of a careless SDK would."""

    opened = 0
    key = ""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "GuardedStorage":
        known = {"secret_key", "endpoint", "region"}
        if "secret_key" not in options or set(options) - known:
            raise ConfigurationInvalid(f"Options {dict(options)} are not those of a guarded storage.")
        cls.opened += 1
        storage = cls(MemoryStorage._states.setdefault(url, MemoryStorage()._state))
        storage.key = str(options["secret_key"])
        return storage

    def check(self, *, writes: bool = True) -> Health:
        if self.key.endswith("-wrong"):
            return Health(ok=False, detail=f"the key {self.key} is not the storage's")
        if self.key.endswith("-broken"):
            raise RuntimeError(f"could not sign with {self.key}")
        return Health(ok=True, detail="it can be listed, written, read and deleted")

    def list_objects(self, prefix: str, *, start_after: str = ""):
        if self.key.endswith("-wrong"):
            raise StorageUnavailable(f"the key {self.key} is not the storage's")
        return super().list_objects(prefix, start_after=start_after)

    def stat(self, key: str):
        if self.key.endswith("-wrong"):
            raise PermissionDenied(f"the key {self.key} is not the storage's", key=key)
        return super().stat(key)


def key_of(storages: Storages, name: str) -> str:
    """The key with which a registered guarded storage was opened."""
    observed = storages.open(name)
    assert isinstance(observed, ObservedStorage)
    assert isinstance(observed._adapter, GuardedStorage)
    return observed._adapter.key
