"""Objects on a NAS storage, put and listed."""

from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import NewObject

STAGING = ".datacenter/staging"


def put(storage: NasStorage, *keys: str, data: bytes = b"x") -> None:
    for outcome in storage.put_many(NewObject(key=key, data=data) for key in keys):
        assert outcome.error is None


def keys_of(storage: NasStorage, prefix: str = "") -> list[str]:
    return [info.key for info in storage.list_objects(prefix)]
