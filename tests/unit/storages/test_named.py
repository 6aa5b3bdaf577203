"""Named: whatever a registered storage fails with, its registered name is told."""

import pytest
from support.storages.memory import MemoryStorage

from datacenter.storages.named import NamedStorage
from storage_adapters.errors import ObjectMissing, StorageError, StorageUnavailable
from storage_adapters.object_storage.contract import ByteRange, NewObject


def named(name: str) -> NamedStorage:
    return NamedStorage(MemoryStorage(), name)


def storage_of(call) -> str | None:
    with pytest.raises(StorageError) as failed:
        call()
    return failed.value.storage


def test_an_error_of_a_call_and_one_in_the_midst_of_an_answer_name_the_storage() -> None:
    storage = named("lake")

    assert storage_of(lambda: storage.stat("missing")) == "lake"
    assert (
        storage_of(lambda: list(storage.read_ranges([ByteRange(key="missing", offset=0, length=1)])))
        == "lake"
    )


def test_an_outcome_that_failed_names_the_storage() -> None:
    adapter = MemoryStorage()
    assert [put.error for put in adapter.put_many([NewObject(key="d/a", data=b"")])] == [None]
    adapter.fail = lambda operation, _: StorageUnavailable("no answer") if operation == "delete" else None

    (outcome,) = NamedStorage(adapter, "lake").delete(["a"])
    ((of_prefix,),) = NamedStorage(adapter, "lake").delete_prefix("d/")

    assert outcome.error.storage == of_prefix.error.storage == "lake"


def test_what_another_storage_raises_on_its_way_through_keeps_that_ones_name() -> None:
    source, target = named("source"), named("target")

    def objects():
        source.stat("missing")
        yield NewObject(key="a", data=b"")

    assert storage_of(lambda: list(target.put_many(objects()))) == "source"


def test_everything_else_of_the_storage_is_the_adapters_own() -> None:
    adapter = MemoryStorage()

    assert NamedStorage(adapter, "lake").capabilities is adapter.capabilities
    with pytest.raises(AttributeError):
        NamedStorage(adapter, "lake").no_such_call()
    assert ObjectMissing("There is none.").storage is None
