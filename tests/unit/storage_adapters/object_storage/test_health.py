"""The check of a storage: it leaves nothing behind, whichever step fails, and no import of the storage takes its object."""

import pytest
from support.storages.memory import MemoryStorage

from datacenter.datasets.places import is_own
from storage_adapters.errors import PermissionDenied
from storage_adapters.object_storage.health import try_storage


def refuses(*arguments: object) -> None:
    raise PermissionDenied("not allowed")


@pytest.mark.parametrize("step", ["list_objects", "put_many", "read_ranges"])
def test_a_check_that_fails_leaves_no_object(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    storage = MemoryStorage()
    with monkeypatch.context() as patched:
        patched.setattr(storage, step, refuses)
        found = try_storage(storage, "the bucket")

    assert (found.ok, found.detail.endswith("not allowed")) == (False, True)
    assert list(storage.list_objects("")) == []


def test_an_import_of_the_whole_storage_passes_over_a_check_that_is_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, seen = MemoryStorage(), []

    def watched(requests) -> list[bytes]:
        seen.extend(info.key for info in storage.list_objects(""))
        return [b"check"]

    monkeypatch.setattr(storage, "read_ranges", watched)

    assert try_storage(storage, "the bucket").ok
    assert len(seen) == 1
    assert all(map(is_own, seen))
