"""Streams: how many parts they become and how much of them is held."""

from collections.abc import Iterable

import pytest
from support.storages.memory import MemoryOptions, MemoryStorage

from storage_adapters.errors import StorageUnavailable
from storage_adapters.object_storage.contract import Buffer, Part
from storage_adapters.object_storage.streaming import put_stream, read_stream


class Recording(MemoryStorage):
    """Remembers the lengths of the parts."""

    def __init__(self, options: MemoryOptions) -> None:
        super().__init__(options=options)
        self.lengths: list[int] = []

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        part = super().upload_part(key, upload_id, number, offset, chunks)
        self.lengths.append(part.length)
        return part


def test_what_fits_into_one_part_is_a_single_put() -> None:
    storage = Recording(MemoryOptions(minimum_part_bytes=10))
    put_stream(storage, "k", [b"12345", b"67890"], part_bytes=1)
    assert storage.lengths == []
    assert b"".join(read_stream(storage, "k")) == b"1234567890"


def test_parts_are_never_smaller_than_the_storage_wants() -> None:
    storage = Recording(MemoryOptions(minimum_part_bytes=10))
    put_stream(storage, "k", [b"1234567"] * 4, part_bytes=1)
    assert storage.lengths == [14, 14]


def test_parts_grow_so_that_a_long_stream_needs_no_more_than_the_storage_takes() -> None:
    storage = Recording(MemoryOptions(minimum_part_bytes=1, maximum_parts=20))
    put_stream(storage, "k", [b"x"] * 1000, part_bytes=1)
    assert storage.lengths[:6] == [1, 1, 2, 2, 4, 4]
    assert sum(storage.lengths) == 1000
    assert len(storage.lengths) <= 20


def test_where_parts_would_be_written_twice_there_is_one() -> None:
    storage = Recording(MemoryOptions(minimum_part_bytes=1, rewrites_parts=True))
    put_stream(storage, "k", [b"123"] * 100, part_bytes=10)
    assert storage.lengths == [300]
    assert b"".join(read_stream(storage, "k")) == b"123" * 100


def test_when_a_part_fails_the_upload_is_aborted() -> None:
    storage = MemoryStorage(options=MemoryOptions(minimum_part_bytes=1))
    storage.fail = lambda operation, _key: StorageUnavailable("") if operation == "upload_part" else None
    with pytest.raises(StorageUnavailable):
        put_stream(storage, "k", [b"x", b"y"], part_bytes=1)
    assert list(storage.list_uploads("")) == []
