"""Every promise about uploads in parts and streams, kept by every adapter."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage_adapters.errors import (
    NotSupported,
    ObjectChanged,
    ObjectMissing,
    UploadInvalid,
    UploadMissing,
)
from storage_adapters.object_storage.contract import ByteRange, Part, Storage
from storage_adapters.object_storage.streaming import put_stream, read_stream

MINUTE = timedelta(minutes=1)


class Pieces:
    """Three parts as large as the storage wants them, with different bytes, and their offsets."""

    def __init__(self, storage: Storage) -> None:
        size = max(storage.capabilities.minimum_part_bytes, 1000)
        self.data = [b"a" * size, b"b" * (size + 7), b"tail"]
        self.offsets = [0, size, 2 * size + 7]
        self.whole = b"".join(self.data)

    def send(self, storage: Storage, key: str, upload_id: str, number: int) -> Part:
        data = memoryview(self.data[number - 1])
        chunks = [data[:10], data[10:]]
        return storage.upload_part(key, upload_id, number, self.offsets[number - 1], chunks)


@pytest.fixture
def pieces(storage: Storage) -> Pieces:
    return Pieces(storage)


def read(storage: Storage, key: str) -> bytes:
    return b"".join(read_stream(storage, key))


def pending(storage: Storage, prefix: str = "") -> list[tuple[str, str]]:
    return sorted((upload.key, upload.upload_id) for upload in storage.list_uploads(prefix))


def test_parts_may_arrive_in_any_order_through_other_instances(place, pieces: Pieces) -> None:
    storage = place.open()
    upload_id = storage.begin_upload("d/k")
    parts = [pieces.send(place.open(), "d/k", upload_id, number) for number in (3, 1, 2)]
    assert [part.length for part in parts] == [len(pieces.data[number - 1]) for number in (3, 1, 2)]
    info = place.open().complete_upload("d/k", upload_id, parts)
    assert (info.key, info.size_bytes) == ("d/k", len(pieces.whole))
    assert read(storage, "d/k") == pieces.whole
    assert pending(storage) == []


def test_nothing_is_visible_before_the_upload_is_completed(storage: Storage, pieces: Pieces) -> None:
    upload_id = storage.begin_upload("d/k")
    pieces.send(storage, "d/k", upload_id, 1)
    with pytest.raises(ObjectMissing):
        storage.stat("d/k")
    assert list(storage.list_objects("")) == []


def test_the_same_part_again_replaces_it(storage: Storage, pieces: Pieces) -> None:
    upload_id = storage.begin_upload("k")
    first = pieces.send(storage, "k", upload_id, 1)
    storage.upload_part("k", upload_id, 2, first.length, [b"a longer last part that was given up"])
    last = storage.upload_part("k", upload_id, 2, first.length, [b"the end"])
    storage.complete_upload("k", upload_id, [first, last])
    assert read(storage, "k") == pieces.data[0] + b"the end"


def test_completing_twice_returns_the_same_object(storage: Storage, pieces: Pieces) -> None:
    upload_id = storage.begin_upload("k")
    parts = [pieces.send(storage, "k", upload_id, number) for number in (1, 2, 3)]
    assert storage.complete_upload("k", upload_id, parts) == storage.complete_upload(
        "k", upload_id, iter(parts)
    )
    with pytest.raises(UploadMissing):
        storage.complete_upload("another", upload_id, parts)
    with pytest.raises(UploadMissing):
        storage.complete_upload("k", upload_id, parts[:1])


def test_an_upload_replaces_the_object_that_was_there(storage: Storage) -> None:
    put_stream(storage, "k", [b"old"])
    upload_id = storage.begin_upload("k")
    part = storage.upload_part("k", upload_id, 1, 0, [b"new ", b"bytes"])
    assert read(storage, "k") == b"old"
    storage.complete_upload("k", upload_id, [part])
    assert read(storage, "k") == b"new bytes"


def test_an_upload_without_parts_is_an_empty_object(storage: Storage) -> None:
    assert storage.complete_upload("k", storage.begin_upload("k"), []).size_bytes == 0


@pytest.mark.parametrize("numbers", [(2, 3), (1, 3), (3,)])
def test_a_gap_is_refused_and_the_upload_can_still_be_completed(
    storage: Storage, pieces: Pieces, numbers: tuple[int, ...]
) -> None:
    upload_id = storage.begin_upload("k")
    parts = {number: pieces.send(storage, "k", upload_id, number) for number in (1, 2, 3)}
    with pytest.raises(UploadInvalid):
        storage.complete_upload("k", upload_id, [parts[number] for number in numbers])
    with pytest.raises(ObjectMissing):
        storage.stat("k")
    storage.complete_upload("k", upload_id, parts.values())
    assert read(storage, "k") == pieces.whole


def test_a_part_that_was_never_written_is_refused(storage: Storage, pieces: Pieces) -> None:
    upload_id = storage.begin_upload("k")
    first = pieces.send(storage, "k", upload_id, 1)
    invented = replace(first, number=2, offset=first.length)
    with pytest.raises(UploadInvalid):
        storage.complete_upload("k", upload_id, [first, invented])


def test_small_parts_are_taken_or_refused_as_the_capabilities_say(storage: Storage) -> None:
    upload_id = storage.begin_upload("k")
    parts = [storage.upload_part("k", upload_id, number, number - 1, [b"x"]) for number in (1, 2, 3)]
    if storage.capabilities.minimum_part_bytes > 1:
        with pytest.raises(UploadInvalid):
            storage.complete_upload("k", upload_id, parts)
    else:
        storage.complete_upload("k", upload_id, parts)
        assert read(storage, "k") == b"xxx"


def test_aborting_leaves_nothing_and_can_be_repeated(storage: Storage, pieces: Pieces) -> None:
    upload_id = storage.begin_upload("k")
    part = pieces.send(storage, "k", upload_id, 1)
    for _ in range(2):
        storage.abort_upload("k", upload_id)
    assert pending(storage) == []
    with pytest.raises(UploadMissing):
        pieces.send(storage, "k", upload_id, 2)
    with pytest.raises(UploadMissing):
        storage.complete_upload("k", upload_id, [part])
    assert list(storage.list_objects("")) == []


@pytest.mark.parametrize("upload_id", ["0" * 32, "", "../../x", "no such"])
def test_an_unknown_upload_is_missing_and_counts_as_aborted(storage: Storage, upload_id: str) -> None:
    storage.abort_upload("k", upload_id)
    with pytest.raises(UploadMissing):
        storage.upload_part("k", upload_id, 1, 0, [b"x"])
    with pytest.raises(UploadMissing):
        storage.complete_upload("k", upload_id, [Part(number=1, offset=0, length=1)])


def test_pending_uploads_are_listed_by_prefix_with_their_start(place) -> None:
    storage = place.open()
    ids = {key: storage.begin_upload(key) for key in ("a/1", "a/2", "b/猫")}
    assert pending(place.open(), "a/") == sorted((key, ids[key]) for key in ("a/1", "a/2"))
    assert pending(place.open()) == sorted(ids.items())
    age = datetime.now(UTC) - next(iter(storage.list_uploads("b/"))).started_at
    assert abs(age) < MINUTE


def test_sent_parts_are_listed_by_number_wherever_there_are_links_for_them(
    storage: Storage, pieces: Pieces
) -> None:
    upload_id = storage.begin_upload("d/k")
    if not storage.capabilities.presign:
        with pytest.raises(NotSupported):
            storage.list_parts("d/k", upload_id)
        with pytest.raises(NotSupported):
            storage.presign_part("d/k", upload_id, 1, 5, MINUTE)
        return
    assert list(storage.list_parts("d/k", upload_id)) == []
    sent = {number: pieces.send(storage, "d/k", upload_id, number) for number in (3, 1, 2)}
    found = list(storage.list_parts("d/k", upload_id))
    assert [part.number for part in found] == [1, 2, 3]
    assert all((part.length, part.tag) == (sent[part.number].length, sent[part.number].tag) for part in found)
    assert [part.number for part in storage.list_parts("d/k", upload_id, after=2)] == [3]
    storage.complete_upload("d/k", upload_id, sent.values())
    with pytest.raises(UploadMissing):
        list(storage.list_parts("d/k", upload_id))
    with pytest.raises(UploadInvalid):
        storage.presign_part("d/k", upload_id, storage.capabilities.maximum_parts + 1, 5, MINUTE)
    with pytest.raises(UploadInvalid):
        storage.presign_part("d/k", upload_id, 1, storage.capabilities.maximum_part_bytes + 1, MINUTE)


def test_a_part_can_be_copied_from_an_object(storage: Storage, pieces: Pieces) -> None:
    put_stream(storage, "source", [b"--", pieces.data[0], b"--"])
    upload_id = storage.begin_upload("k")
    length = len(pieces.data[0])
    first = storage.copy_part("k", upload_id, 1, 0, ByteRange(key="source", offset=2, length=length))
    last = storage.upload_part("k", upload_id, 2, length, [b"tail"])
    storage.complete_upload("k", upload_id, [first, last])
    assert read(storage, "k") == pieces.data[0] + b"tail"


def test_a_copied_part_must_lie_within_its_source(storage: Storage) -> None:
    put_stream(storage, "source", [b"0123456789"])
    upload_id = storage.begin_upload("k")
    with pytest.raises(ObjectChanged):
        storage.copy_part("k", upload_id, 1, 0, ByteRange(key="source", offset=5, length=6))
    with pytest.raises(ObjectMissing):
        storage.copy_part("k", upload_id, 1, 0, ByteRange(key="absent", offset=0, length=1))


@pytest.mark.parametrize("size", [0, 1, 1000, 5 * 1024 * 1024, 12 * 1024 * 1024 + 3])
def test_a_stream_of_any_length_is_stored_and_read_back(storage: Storage, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    chunks = [data[start : start + 700_001] for start in range(0, size, 700_001)]
    chunks = [chunk[: size - start] for start, chunk in zip(range(0, size, 700_001), chunks, strict=True)]
    assert put_stream(storage, "d/k", chunks, part_bytes=4 * 1024 * 1024).size_bytes == size
    assert read(storage, "d/k") == data[:size]
    assert (
        b"".join(read_stream(storage, "d/k", size // 3, size // 2, chunk_bytes=99_991))
        == (data[size // 3 : size // 3 + size // 2])
    )
    assert pending(storage) == []


def test_a_stream_that_breaks_leaves_no_object_and_no_upload(storage: Storage) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(12):
            yield b"x" * 1024 * 1024
        raise ConnectionError

    with pytest.raises(ConnectionError):
        put_stream(storage, "k", chunks(), part_bytes=5 * 1024 * 1024)
    assert list(storage.list_objects("")) == []
    assert pending(storage) == []


def test_a_producer_may_reuse_its_buffer(storage: Storage) -> None:
    def chunks() -> Iterator[memoryview]:
        buffer = bytearray(1024 * 1024)
        for number in range(7):
            buffer[:] = bytes([number]) * len(buffer)
            yield memoryview(buffer)

    put_stream(storage, "k", chunks(), part_bytes=1)
    assert read(storage, "k") == b"".join(bytes([number]) * 1024 * 1024 for number in range(7))
