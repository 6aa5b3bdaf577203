"""What only the memory storage does: planted faults and the limits of an object store."""

import pytest
from support.storages.memory import MemoryOptions, MemoryStorage

from storage_adapters.errors import StorageError, StorageUnavailable, UploadInvalid
from storage_adapters.object_storage.contract import NewObject


def test_a_planted_fault_meets_the_operation_and_key_it_was_made_for() -> None:
    storage = MemoryStorage()

    def fail(operation: str, key: str) -> StorageError | None:
        return StorageUnavailable("planted", key=key) if (operation, key) == ("put_many", "b") else None

    storage.fail = fail
    outcomes = {o.key: o.error for o in storage.put_many(NewObject(key=key, data=b"x") for key in "abc")}
    assert outcomes["a"] is outcomes["c"] is None
    assert isinstance(outcomes["b"], StorageUnavailable)
    assert [info.key for info in storage.list_objects("")] == ["a", "c"]
    assert [outcome.error for outcome in storage.delete("abc")] == [None] * 3


def test_a_planted_fault_is_raised_where_there_is_no_outcome_to_carry_it() -> None:
    storage = MemoryStorage.from_url("memory://faults", {})
    storage.fail = lambda operation, _key: StorageUnavailable(operation)
    with pytest.raises(StorageUnavailable, match="begin_upload"):
        MemoryStorage.from_url("memory://faults", {}).begin_upload("k")
    assert not storage.check().ok
    storage.fail = None
    assert storage.check().ok


def test_parts_obey_the_limits_of_an_object_store() -> None:
    storage = MemoryStorage(options=MemoryOptions(minimum_part_bytes=3, maximum_parts=2))
    upload_id = storage.begin_upload("k")
    parts = [
        storage.upload_part("k", upload_id, 1, 0, [b"ab"]),
        storage.upload_part("k", upload_id, 2, 2, [b"c"]),
    ]
    with pytest.raises(UploadInvalid, match="too small"):
        storage.complete_upload("k", upload_id, parts)
    with pytest.raises(UploadInvalid, match="from 1 to 2"):
        storage.upload_part("k", upload_id, 3, 3, [b"d"])
