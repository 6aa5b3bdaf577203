"""Every promise of the storage contract, kept by every adapter: objects, listing, deleting, reading."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_adapters.errors import (
    InvalidKey,
    NotSupported,
    ObjectChanged,
    ObjectMissing,
    StorageError,
)
from storage_adapters.object_storage.contract import ByteRange, NewObject, Storage

PER_EXAMPLE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AWKWARD_KEYS = [
    "with space/and  two.txt",
    "图像/猫/第一张.png",
    "emoji/😀/🇨🇳.bin",
    "-dash/~tilde/*star?.txt",
    "100%41/a+b%2Fc%zz&d=#e",
    "line\nbreak/tab\t.txt",
    "..hidden/...dots/.x",
    "/".join(["长" * 75] * 4)[:300] + "/" + "z" * 90,
]
INVALID_KEYS = ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\0b", "a" * 256, "\udcff"]
INVALID_KEYS += ["/".join("a" * 200 for _ in range(6))]
DIRECTORY = st.text(alphabet="ab-0 é中😀", min_size=1, max_size=2)
# No file's name is a directory's name, because a file system cannot hold both under one key.
KEYS = st.builds(lambda path, name: "/".join([*path, f"{name}~"]), st.lists(DIRECTORY, max_size=3), DIRECTORY)


def put(storage: Storage, *keys: str, data: bytes = b"x") -> None:
    for outcome in storage.put_many(NewObject(key=key, data=data) for key in keys):
        assert outcome.error is None


def read(storage: Storage, key: str) -> bytes:
    whole = ByteRange(key=key, offset=0, length=storage.stat(key).size_bytes)
    return b"".join(storage.read_ranges([whole]))


def keys_of(storage: Storage, prefix: str = "", start_after: str = "") -> list[str]:
    return [info.key for info in storage.list_objects(prefix, start_after=start_after)]


def test_an_adapter_is_a_storage_and_says_that_it_is_healthy(storage: Storage) -> None:
    assert isinstance(storage, Storage)
    assert storage.check().ok
    assert keys_of(storage) == []


def test_a_put_object_is_read_back_and_described(storage: Storage) -> None:
    put(storage, "a/b.bin", data=b"0123456789")
    info = storage.stat("a/b.bin")
    assert (info.key, info.size_bytes) == ("a/b.bin", 10)
    assert abs(datetime.now(UTC) - info.modified_at) < timedelta(minutes=1)
    assert read(storage, "a/b.bin") == b"0123456789"


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_an_awkward_key_works_everywhere(storage: Storage, key: str) -> None:
    put(storage, key, data=key.encode())
    assert read(storage, key) == key.encode()
    assert keys_of(storage) == [key]
    assert [outcome.error for outcome in storage.delete([key])] == [None]
    assert keys_of(storage) == []


def test_a_key_of_nine_hundred_bytes_works(storage: Storage) -> None:
    key = "/".join(["长" * 74] * 4) + "/" + "x" * 8
    assert len(key.encode()) == 900
    put(storage, key)
    assert keys_of(storage) == [key]


@pytest.mark.parametrize("key", INVALID_KEYS)
def test_what_is_no_key_is_refused_by_every_operation(storage: Storage, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: storage.stat(key),
        lambda: list(storage.read_ranges([ByteRange(key=key, offset=0, length=1)])),
        lambda: storage.begin_upload(key),
        lambda: storage.copy(key, "target"),
    ]
    for call in calls:
        with pytest.raises(InvalidKey):
            call()
    assert [type(outcome.error) for outcome in storage.put_many([NewObject(key=key, data=b"")])] == [
        InvalidKey
    ]
    assert [type(outcome.error) for outcome in storage.delete([key])] == [InvalidKey]


def test_putting_again_replaces_the_object_and_its_tag(storage: Storage) -> None:
    put(storage, "k", data=b"first")
    before = storage.stat("k")
    put(storage, "k", data=b"2nd")
    assert read(storage, "k") == b"2nd"
    assert storage.stat("k").etag != before.etag


def test_a_failed_put_is_reported_and_the_rest_go_on(storage: Storage) -> None:
    new = [NewObject(key=key, data=b"data") for key in ("a", "../b", "c")]
    outcomes = {outcome.key: outcome.error for outcome in storage.put_many(new)}
    assert outcomes.keys() == {"a", "../b", "c"}
    assert isinstance(outcomes["../b"], InvalidKey)
    assert keys_of(storage) == ["a", "c"]


@pytest.mark.parametrize("data", [bytearray(b"abcd"), memoryview(b"abcd"), memoryview(b"xabcdx")[1:5], b""])
def test_any_buffer_can_be_put(storage: Storage, data: bytes | bytearray | memoryview) -> None:
    outcomes = list(storage.put_many([NewObject(key="k", data=data)]))
    assert [outcome.size_bytes for outcome in outcomes] == [len(data)]
    assert read(storage, "k") == bytes(data)


def test_a_missing_object_is_named(storage: Storage) -> None:
    with pytest.raises(ObjectMissing) as stat_error:
        storage.stat("no/such")
    with pytest.raises(ObjectMissing):
        list(storage.read_ranges([ByteRange(key="no/such", offset=0, length=1)]))
    with pytest.raises(ObjectMissing):
        storage.copy("no/such", "target")
    assert stat_error.value.key == "no/such"
    assert keys_of(storage) == []


def test_a_prefix_of_keys_is_no_object(storage: Storage) -> None:
    put(storage, "a/b")
    with pytest.raises(ObjectMissing):
        storage.stat("a")
    with pytest.raises(ObjectMissing):
        list(storage.read_ranges([ByteRange(key="a", offset=0, length=0)]))
    assert [outcome.error for outcome in storage.delete(["a"])] == [None]
    assert keys_of(storage) == ["a/b"]


def test_a_listing_is_in_byte_order_of_the_whole_key(storage: Storage) -> None:
    keys = [
        "p/Z",
        "p/a b",
        "p/a-b",
        "p/a/b",
        "p/a/b0/c",
        "p/a0",
        "p/b",
        "p/é",
        "p/中",
        "p/中-",
        "p/\uffee",
        "p/😀",
        "q",
    ]
    put(storage, *reversed(keys))
    assert keys_of(storage) == sorted(keys, key=str.encode) == keys


@PER_EXAMPLE
@given(
    keys=st.sets(KEYS, max_size=15),
    start_after=st.one_of(KEYS, DIRECTORY.map(lambda name: name + "/"), st.just("")),
)
def test_a_listing_resumes_after_any_key(place, keys: set[str], start_after: str) -> None:
    storage = place.open()
    list(storage.delete(keys_of(storage)))
    put(storage, *keys)
    ordered = sorted(keys, key=str.encode)
    assert keys_of(storage) == ordered
    assert keys_of(storage, start_after=start_after) == [
        key for key in ordered if key.encode() > start_after.encode()
    ]
    for prefix in {key[:2] for key in keys if key[:2].strip("/") and "//" not in key[:2]}:
        wanted = [key for key in ordered if key.startswith(prefix) and key > start_after]
        assert keys_of(storage, prefix, start_after) == wanted


def test_a_prefix_need_not_end_at_a_segment(storage: Storage) -> None:
    put(storage, "d/im", "d/img-1", "d/img/1", "d/img/2", "d/in", "e")
    assert keys_of(storage, "d/img") == ["d/img-1", "d/img/1", "d/img/2"]


def test_a_listing_sees_what_another_instance_wrote_and_deleted(place) -> None:
    here, there = place.open(), place.open()
    assert keys_of(here) == []
    put(there, "a/1", "a/2")
    assert keys_of(here, "a/") == ["a/1", "a/2"]
    list(there.delete(["a/1"]))
    assert keys_of(here, "a/") == ["a/2"]


def test_a_listing_goes_on_while_objects_are_deleted(storage: Storage, many: int) -> None:
    keys = [f"d/{number:04}" for number in range(min(1000, many))]
    half = len(keys) // 2
    put(storage, *keys)
    listing = storage.list_objects("d/")
    assert next(listing).key == keys[0]
    list(storage.delete(keys[half:]))
    assert [info.key for info in listing][: half - 1] == keys[1:half]


def test_a_listing_of_nothing_is_empty(storage: Storage) -> None:
    put(storage, "a/b")
    assert keys_of(storage, "zzz/") == []
    assert keys_of(storage, "a/b/c") == []
    assert keys_of(storage, "a/", start_after="b") == []


def test_delete_twice_succeeds_and_reports_every_key(storage: Storage) -> None:
    put(storage, "a", "b/c")
    for _ in range(2):
        outcomes = list(storage.delete(["a", "b/c", "never/was"]))
        assert sorted(outcome.key for outcome in outcomes) == ["a", "b/c", "never/was"]
        assert all(outcome.error is None for outcome in outcomes)
    assert keys_of(storage) == []


def test_a_failed_delete_is_reported_and_the_rest_go_on(storage: Storage, many: int) -> None:
    keys = [f"d/{number}" for number in range(min(200, many))]
    put(storage, *keys)
    outcomes = {outcome.key: outcome.error for outcome in storage.delete([*keys[:30], "../x", *keys[30:]])}
    assert isinstance(outcomes.pop("../x"), StorageError)
    assert outcomes == dict.fromkeys(keys)
    assert keys_of(storage) == []


def test_deleting_a_prefix_removes_what_is_under_it_and_nothing_else(storage: Storage, many: int) -> None:
    inside = [f"d/s/{number % 7}/{number}" for number in range(min(300, many))]
    outside = ["d/s-1", "d/s0", "d/t/1", "e"]
    put(storage, *inside, *outside)
    assert not any(storage.delete_prefix("d/s/"))
    assert keys_of(storage) == outside
    assert not any(storage.delete_prefix("d/s/"))


@pytest.mark.parametrize("prefix", ["", "/", "d", "../", "d/../", "d//"])
def test_deleting_what_could_be_too_much_is_refused(storage: Storage, prefix: str) -> None:
    put(storage, "d/1")
    with pytest.raises(InvalidKey):
        list(storage.delete_prefix(prefix))
    assert keys_of(storage) == ["d/1"]


@PER_EXAMPLE
@given(
    data=st.binary(max_size=200),
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=20),
)
def test_ranges_equal_slices(place, data: bytes, cuts: list[tuple[int, int]]) -> None:
    storage = place.open()
    put(storage, "k", data=data)
    ranges = [(start, length) for start, length in cuts if start + length <= len(data)]
    wanted = [ByteRange(key="k", offset=start, length=length) for start, length in ranges]
    assert list(storage.read_ranges(wanted)) == [data[start : start + length] for start, length in ranges]


def test_many_ranges_come_in_the_order_they_were_asked_for(storage: Storage, many: int) -> None:
    keys = [f"d/{number % 13}/{number}" for number in range(min(500, many))]
    for outcome in storage.put_many(NewObject(key=key, data=key.encode()) for key in keys):
        assert outcome.error is None
    wanted = (ByteRange(key=key, offset=1, length=len(key) - 1) for key in reversed(keys))
    assert list(storage.read_ranges(wanted)) == [key.encode()[1:] for key in reversed(keys)]


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (5, 6), (11, 0), (100, 5)])
def test_a_range_beyond_the_end_is_an_error_and_never_cut_short(
    storage: Storage, offset: int, length: int
) -> None:
    put(storage, "k", data=b"0123456789")
    with pytest.raises(ObjectChanged):
        list(storage.read_ranges([ByteRange(key="k", offset=offset, length=length)]))


def test_a_range_beyond_the_end_spoils_those_beside_it(storage: Storage) -> None:
    put(storage, "k", data=b"0123456789")
    for offset, length in ((8, 5), (10, 1), (100, 5)):
        wanted = [ByteRange(key="k", offset=0, length=4), ByteRange(key="k", offset=offset, length=length)]
        with pytest.raises(ObjectChanged):
            list(storage.read_ranges(wanted))


def test_reading_and_putting_take_a_bounded_number_ahead(storage: Storage) -> None:
    put(storage, "k", data=b"0123456789")
    taken = count()

    def requests() -> Iterator[ByteRange]:
        while True:
            next(taken)
            yield ByteRange(key="k", offset=0, length=10)

    assert list(islice(storage.read_ranges(requests()), 5)) == [b"0123456789"] * 5
    endless = (NewObject(key="n", data=b"x") for _ in taken)
    assert [outcome.error for outcome in islice(storage.put_many(endless), 5)] == [None] * 5
    assert next(taken) < 5000


def test_an_error_of_the_callers_iterator_reaches_the_caller(storage: Storage) -> None:
    def objects() -> Iterator[NewObject]:
        yield NewObject(key="a", data=b"x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(storage.put_many(objects()))


def test_a_copy_has_the_same_bytes_and_replaces_its_target(storage: Storage) -> None:
    data = bytes(range(256)) * 5000
    put(storage, "s/ource", data=data)
    put(storage, "t/arget", data=b"old")
    assert storage.copy("s/ource", "t/arget").size_bytes == len(data)
    assert read(storage, "t/arget") == data
    assert read(storage, "s/ource") == data


def test_presigning_gives_a_url_or_says_that_there_is_none(storage: Storage) -> None:
    put(storage, "k")
    if storage.capabilities.presign:
        assert storage.presign("k", timedelta(minutes=1)).startswith("http")
    else:
        with pytest.raises(NotSupported):
            storage.presign("k", timedelta(minutes=1))


def test_a_concurrent_reader_never_sees_half_an_object(place) -> None:
    bodies = [b"a" * 300_000, b"b" * 700_000]
    done = Event()
    put(place.open(), "k", data=bodies[0])

    def write() -> None:
        storage = place.open()
        for number in range(60):
            put(storage, "k", data=bodies[number % 2])
        done.set()

    writer = Thread(target=write)
    writer.start()
    storage, seen = place.open(), 0
    while not done.is_set() or not seen:
        try:
            data = read(storage, "k")
        except ObjectChanged:
            continue  # replaced by the shorter one between the stat and the read
        assert data.count(data[:1]) == len(data)
        assert len(data) in {300_000, 700_000}
        seen += 1
    writer.join()


def test_flush_returns(storage: Storage) -> None:
    put(storage, "k")
    storage.flush()
    assert read(storage, "k") == b"x"


def test_the_filesystem_face_sees_the_same_objects(storage: Storage) -> None:
    put(storage, "d/e/f.txt", data=b"through the contract")
    assert storage.fs.cat_file("d/e/f.txt") == b"through the contract"
    assert storage.fs.ls("d", detail=False) == ["d/e"]
    assert storage.fs.find("") == ["d/e/f.txt"]
    storage.fs.pipe_file("d/new.txt", b"through fsspec")
    assert read(storage, "d/new.txt") == b"through fsspec"
    storage.fs.rm("d", recursive=True)
    assert keys_of(storage) == []
