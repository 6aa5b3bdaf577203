"""What every adapter of objects inherits: cleaning up once, outcomes of a prefix, and a whole contract."""

from importlib import import_module
from inspect import isfunction

import pytest
from support.storages.memory import MemoryStorage

from storage_adapters.errors import StorageError, StorageUnavailable
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.registry import ADAPTERS, kinds


class Littered(MemoryStorage):
    """A storage whose litter cannot be removed."""

    tries = 0

    def remove_abandoned(self) -> None:
        self.tries += 1
        raise StorageUnavailable("planted")


def test_litter_is_looked_for_once_and_its_removal_may_fail() -> None:
    storage = Littered()
    for key in "ab":
        assert [outcome.error for outcome in storage.put_many([NewObject(key=key, data=b"x")])] == [None]
    assert storage.tries == 1


def test_deleting_a_prefix_names_what_could_not_be_deleted_and_nothing_else() -> None:
    def refuse(operation: str, key: str) -> StorageError | None:
        return StorageUnavailable("planted", key=key) if (operation, key) == ("delete", "d/b") else None

    storage = MemoryStorage()
    list(storage.put_many(NewObject(key=key, data=b"x") for key in ("d/a", "d/b", "d/c", "e")))
    storage.fail = refuse
    assert [each.key for failed in storage.delete_prefix("d/") for each in failed] == ["d/b"]
    assert [info.key for info in storage.list_objects("")] == ["d/b", "e"]


@pytest.mark.parametrize("kind", kinds("objects"))
def test_no_adapter_leaves_a_method_of_the_contract_out(kind: str) -> None:
    module, _, name = ADAPTERS[kind].target.partition(":")
    adapter = getattr(import_module(module), name)
    promised = {
        name: method for name, method in vars(Storage).items() if isfunction(method) and name[0] != "_"
    }
    assert [name for name, method in promised.items() if getattr(adapter, name) is method] == []
    assert adapter.fs is not Storage.fs
