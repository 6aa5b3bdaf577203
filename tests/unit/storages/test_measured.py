"""Measured: what a caller waits for a storage is the storage's time, and its own time is its own."""

import time
from collections.abc import Iterator

import pytest
from support.storages.memory import MemoryStorage

from datacenter.metrics import Metrics
from datacenter.storages.measured import MeasuredStorage
from datacenter.storages.named import NamedStorage
from storage_adapters.errors import ObjectMissing, StorageError, StorageUnavailable
from storage_adapters.object_storage.contract import ByteRange, NewObject

SLOW_SECONDS = 0.2
"""Twice what a call may take that is not slow itself."""


class Bench:
    """A storage named `lake` and what is told of it."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.adapter = MemoryStorage()
        self.storage = MeasuredStorage(NamedStorage(self.adapter, "lake"), "lake", self.metrics)

    def told(self, metric: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(metric, {"storage": "lake", **labels}) or 0

    def calls(self, operation: str) -> float:
        return self.told("datacenter_storage_call_duration_seconds_count", operation=operation)

    def seconds(self, operation: str) -> float:
        return self.told("datacenter_storage_call_duration_seconds_sum", operation=operation)

    def errors(self, operation: str, code: str) -> float:
        return self.told("datacenter_storage_errors_total", operation=operation, code=code)

    def put(self, *keys: str) -> None:
        assert all(
            not put.error for put in self.adapter.put_many(NewObject(key=k, data=b"12345") for k in keys)
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_call_is_counted_once_whether_it_answers_or_streams(bench) -> None:
    bench.put("a", "b")

    bench.storage.stat("a")
    assert [info.key for info in bench.storage.list_objects("")] == ["a", "b"]

    assert bench.calls("stat") == bench.calls("list_objects") == 1


def test_what_a_caller_does_with_a_piece_is_not_the_storages_time(bench) -> None:
    bench.put("a", "b")

    for _ in bench.storage.list_objects(""):
        time.sleep(SLOW_SECONDS)

    assert bench.seconds("list_objects") < SLOW_SECONDS


def test_what_a_caller_takes_to_make_what_it_hands_over_is_not_the_storages_time(bench) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(2):
            time.sleep(SLOW_SECONDS)
            yield b"x" * 10

    upload = bench.storage.begin_upload("big")
    bench.storage.upload_part("big", upload, 1, 0, slowly())

    assert bench.calls("upload_part") == 1
    assert bench.seconds("upload_part") < SLOW_SECONDS


def test_a_storage_that_is_slow_in_the_midst_of_a_stream_is_told(bench, monkeypatch) -> None:
    def slow(prefix: str, *, start_after: str = "") -> Iterator[str]:
        yield "first"
        time.sleep(SLOW_SECONDS)
        yield "second"

    monkeypatch.setattr(type(bench.adapter), "list_objects", lambda _, *given, **named: slow(*given, **named))

    assert list(bench.storage.list_objects("")) == ["first", "second"]
    assert bench.seconds("list_objects") >= SLOW_SECONDS


def test_a_stream_that_is_left_early_is_counted_and_closed(bench) -> None:
    bench.put(*map(str, range(10)))
    stream = bench.storage.list_objects("")

    next(stream)
    assert bench.calls("list_objects") == 0
    stream.close()

    assert bench.calls("list_objects") == 1


def test_bytes_are_counted_as_they_go_through(bench) -> None:
    data = [NewObject(key=key, data=b"123456") for key in "ab"]
    list(bench.storage.put_many(iter(data)))
    b"".join(bench.storage.read_ranges([ByteRange(key="a", offset=1, length=4)]))

    assert bench.told("datacenter_storage_written_bytes_total") == 12
    assert bench.told("datacenter_storage_read_bytes_total") == 4


def test_a_call_that_fails_is_counted_by_its_code(bench) -> None:
    with pytest.raises(ObjectMissing):
        bench.storage.stat("nowhere")
    with pytest.raises(ObjectMissing):
        list(bench.storage.read_ranges([ByteRange(key="nowhere", offset=0, length=1)]))

    assert bench.errors("stat", "OBJECT_MISSING") == bench.errors("read_ranges", "OBJECT_MISSING") == 1
    assert bench.calls("stat") == bench.calls("read_ranges") == 1


def test_each_key_that_fails_within_a_call_is_counted(bench) -> None:
    bench.put("d/a", "d/b", "d/c")
    bench.adapter.fail = lambda operation, _: StorageUnavailable("away") if operation == "delete" else None

    list(bench.storage.delete(["d/a", "d/b"]))
    list(bench.storage.delete_prefix("d/"))

    assert bench.errors("delete", "STORAGE_UNAVAILABLE") == 2
    assert bench.errors("delete_prefix", "STORAGE_UNAVAILABLE") == 3


def test_what_fails_at_another_storage_on_its_way_through_is_that_ones(bench) -> None:
    source = NamedStorage(MemoryStorage(), "source")

    def objects() -> Iterator[NewObject]:
        source.stat("missing")
        yield NewObject(key="a", data=b"")

    with pytest.raises(StorageError):
        list(bench.storage.put_many(objects()))

    assert bench.errors("put_many", "OBJECT_MISSING") == 0
    assert bench.calls("put_many") == 1


def test_what_is_no_call_is_passed_on(bench) -> None:
    assert bench.storage.capabilities is bench.adapter.capabilities
    assert bench.calls("capabilities") == 0
