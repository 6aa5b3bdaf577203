"""The files of a NAS storage's filesystem: each appears when it is closed, whole or not at all."""

from pathlib import Path

import pytest
from support.storages.nas_objects import STAGING, put

from storage_adapters.errors import (
    StorageUnavailable,
)
from storage_adapters.nas import NasStorage


def test_a_written_file_appears_when_it_is_closed_and_not_after_an_error(
    storage: NasStorage, root: Path
) -> None:
    fs = storage.fs
    with fs.open("d/k", "wb") as file:
        file.write(b"whole")
        assert not fs.exists("d/k")
    assert fs.cat_file("d/k") == b"whole"

    def interrupted() -> None:
        with fs.open("d/k", "wb") as file:
            file.write(b"half")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        interrupted()
    forgotten = fs.open("d/k", "wb")
    forgotten.write(b"half")
    del forgotten
    assert fs.cat_file("d/k") == b"whole"
    assert list((root / STAGING).iterdir()) == []


def test_files_of_a_transaction_appear_together_or_not_at_all(storage: NasStorage) -> None:
    fs = storage.fs
    with fs.transaction:
        fs.pipe_file("a", b"1")
        fs.pipe_file("b", b"2")
        assert not fs.exists("a")
    assert fs.cat_file("a") + fs.cat_file("b") == b"12"

    def failing() -> None:
        with fs.transaction:
            fs.pipe_file("c", b"3")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        failing()
    assert not fs.exists("c")


def test_of_two_exclusive_writers_the_second_fails(storage: NasStorage) -> None:
    first, second = storage.fs.open("k", "xb"), storage.fs.open("k", "xb")
    first.write(b"first")
    second.write(b"second")
    first.close()
    with pytest.raises(FileExistsError):
        second.close()
    assert storage.fs.cat_file("k") == b"first"


def test_flush_waits_for_the_disk_when_it_must_be_durable(root: Path) -> None:
    storage = NasStorage.from_url(str(root), {"durable": True})
    put(storage, "a")
    storage.flush()
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(StorageUnavailable):
        storage.flush()
