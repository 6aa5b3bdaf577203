"""What only a NAS storage promises: nothing leaves the root, nothing is left behind, and what a full disk does."""

import errno
import os
import subprocess
import time
from itertools import chain
from pathlib import Path

import pytest
from support.storages.nas_objects import STAGING, keys_of, put

from storage_adapters.errors import (
    InvalidKey,
    ObjectMissing,
    PermissionDenied,
    StorageFull,
    StorageUnavailable,
)
from storage_adapters.nas import NasStorage, listing
from storage_adapters.nas.faults import translate
from storage_adapters.object_storage.contract import ByteRange, NewObject, failures


def test_no_operation_follows_a_symbolic_link(storage: NasStorage, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")

    for key in ("link/secret", "file"):
        with pytest.raises(ObjectMissing):
            storage.stat(key)
        with pytest.raises(ObjectMissing):
            list(storage.read_ranges([ByteRange(key=key, offset=0, length=1)]))
    assert keys_of(storage) == keys_of(storage, "link/") == []
    outcomes = list(storage.put_many([NewObject(key="link/new", data=b"x")]))
    assert isinstance(outcomes[0].error, InvalidKey)
    list(storage.delete(["link/secret"]))
    list(storage.delete_prefix("link/"))
    with pytest.raises(PermissionError):
        storage.fs.cat_file("link/secret")
    with pytest.raises(PermissionError):
        storage.fs.cat_file("../outside/secret")
    put(storage, "file", data=b"an object now")

    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


def test_deleting_a_prefix_removes_links_and_names_that_no_key_can_be(
    storage: NasStorage, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_bytes(b"x")
    put(storage, "d/s/1")
    (root / "d/s/link").symlink_to(tmp_path)
    os.mkfifo(root / "d/s/fifo")
    Path(os.fsdecode(bytes(root) + b"/d/s/\xff\xfe")).write_bytes(b"")

    assert keys_of(storage) == ["d/s/1"]
    assert not any(storage.delete_prefix("d/s/"))

    assert sorted(path.name for path in root.iterdir()) == [".datacenter", "d"]
    assert (tmp_path / "kept").exists()


def test_deleting_a_prefix_removes_emptied_parents_but_not_the_first_level(
    storage: NasStorage, root: Path
) -> None:
    put(storage, "a/b/c/d/1", "a/b2/1")
    list(storage.delete_prefix("a/b/c/d/"))
    assert sorted(path.name for path in (root / "a").iterdir()) == ["b2"]
    list(storage.delete_prefix("a/b2/"))
    assert list((root / "a").iterdir()) == []
    list(storage.delete_prefix("a/"))
    assert [path.name for path in root.iterdir()] == [".datacenter"]


def test_the_storages_own_area_is_hidden_and_cannot_be_named(storage: NasStorage, root: Path) -> None:
    storage.begin_upload("k")
    put(storage, "a")
    assert (root / ".datacenter/uploads").is_dir()
    assert keys_of(storage) == ["a"]
    assert storage.fs.ls("", detail=False) == ["a"]
    for key in (".datacenter", ".datacenter/x", f"{STAGING}/x"):
        assert isinstance(next(storage.put_many([NewObject(key=key, data=b"")])).error, InvalidKey)
        assert isinstance(next(storage.delete([key])).error, InvalidKey)
        with pytest.raises(InvalidKey):
            storage.stat(key)
    with pytest.raises(InvalidKey):
        list(storage.delete_prefix(".datacenter/"))
    assert keys_of(storage, ".datacenter/") == []
    put(storage, "d/.datacenter/x")


def test_a_key_cannot_be_an_object_and_a_directory(storage: NasStorage) -> None:
    put(storage, "a", "b/c")
    outcomes = list(storage.put_many([NewObject(key="a/b", data=b""), NewObject(key="b", data=b"")]))
    assert [type(outcome.error) for outcome in outcomes] == [InvalidKey, InvalidKey]
    assert keys_of(storage) == ["a", "b/c"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EROFS, PermissionDenied),
        (errno.EACCES, PermissionDenied),
        (errno.EIO, StorageUnavailable),
        (errno.ESTALE, StorageUnavailable),
        (errno.ENAMETOOLONG, InvalidKey),
        (errno.ENOENT, ObjectMissing),
    ],
)
def test_an_error_number_becomes_an_error_of_the_contract(number: int, kind: type[Exception]) -> None:
    fault = translate(OSError(number, os.strerror(number)), "k")
    assert type(fault) is kind
    assert (fault.key, bool(fault.detail)) == ("k", True)
    assert fault.retryable == (kind in {StorageFull, StorageUnavailable})


def test_a_full_disk_is_reported_and_leaves_nothing_behind(
    storage: NasStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, "before")
    write = os.write

    def write_until_full(file: int, data: bytes) -> int:
        if len(data) > 4:
            write(file, data[:4])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(os, "write", write_until_full)
    new = [
        NewObject(key="small", data=b"1234"),
        NewObject(key="large", data=b"12345"),
        NewObject(key="s2", data=b""),
    ]
    outcomes = {outcome.key: outcome.error for outcome in storage.put_many(new)}
    assert isinstance(outcomes["large"], StorageFull)
    assert outcomes["small"] is outcomes["s2"] is None
    assert list((root / STAGING).iterdir()) == []
    assert keys_of(storage) == ["before", "s2", "small"]


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_really_full_disk_is_reported_and_recovers(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        fill_and_recover(disk)
    finally:
        # Lazily: the storage holds its root open, as any program in a mount does.
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill_and_recover(disk: Path) -> None:
    storage = NasStorage.from_url(f"{disk}/root", {})
    new = (NewObject(key=f"d/{number}", data=bytes(100_000)) for number in range(20))
    faults = [outcome.error for outcome in storage.put_many(new)]
    assert any(isinstance(fault, StorageFull) for fault in faults)
    upload_id = storage.begin_upload("u")
    with pytest.raises(StorageFull):
        storage.upload_part("u", upload_id, 1, 0, [bytes(600_000)] * 2)
    for upload in storage.list_uploads(""):
        storage.abort_upload(upload.key, upload.upload_id)
    assert not any(storage.delete_prefix("d/"))
    assert os.listdir(disk / "root" / STAGING) == []
    put(storage, "d/again", data=bytes(500_000))


def test_a_delete_that_fails_is_reported_and_the_rest_go_on(
    storage: NasStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"d/s/{number}" for number in range(200)]
    put(storage, *keys)
    unlink = os.unlink

    def refuse_one(name: str, **options: int) -> None:
        if name == "77":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(name, **options)

    monkeypatch.setattr(os, "unlink", refuse_one)
    for stubborn in (failures(storage.delete(keys)), list(chain(*storage.delete_prefix("d/s/")))):
        assert [outcome.key for outcome in stubborn] == ["d/s/77"]
        assert isinstance(stubborn[0].error, PermissionDenied)
    assert keys_of(storage) == ["d/s/77"]
    monkeypatch.undo()
    assert not any(storage.delete_prefix("d/s/"))
    assert keys_of(storage) == []


def test_a_root_that_vanished_is_unavailable_and_not_empty(storage: NasStorage, root: Path) -> None:
    put(storage, "a")
    root.rename(root.with_name("elsewhere"))
    for call in (lambda: storage.stat("a"), lambda: keys_of(storage), lambda: list(storage.delete(["a"]))):
        with pytest.raises(StorageUnavailable):
            call()
    assert not storage.check().ok


def test_what_killed_writers_left_is_removed_after_a_day(storage: NasStorage, root: Path) -> None:
    put(storage, "a")
    old, fresh = root / STAGING / "old", root / STAGING / "fresh"
    old.touch()
    fresh.touch()
    os.utime(old, (0, time.time() - 90_000))
    put(NasStorage.from_url(str(root), {}), "b")
    assert not old.exists()
    assert fresh.exists()


def test_copying_works_where_the_kernel_cannot_copy(
    storage: NasStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: int) -> int:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "copy_file_range", refuse)
    data = bytes(range(256)) * 9000
    put(storage, "a", data=data)
    storage.copy("a", "b")
    assert storage.fs.cat_file("b") == data


def test_a_directory_larger_than_one_run_is_listed_in_order(
    storage: NasStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "NAMES_AT_ONCE", 7)
    monkeypatch.setattr(listing, "STATS_AT_ONCE", 3)
    keys = [f"d/{number:02}{rest}" for number in range(30) for rest in ("", "-", "0", "_/a", "_/b")]
    put(storage, *keys)
    assert keys_of(storage) == sorted(keys)
    for key in sorted(keys):
        assert [info.key for info in storage.list_objects("d/", start_after=key)] == [
            k for k in sorted(keys) if k > key
        ]


def test_a_resumed_listing_reads_only_the_directories_that_are_left(
    storage: NasStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, *(f"d/{first}/{second}" for first in range(10) for second in range(10)))
    opened: list[str] = []
    original = listing._read_names

    def counting(root: str, directory: str, stem: str, passed: str) -> list[str]:
        opened.append(directory)
        return original(root, directory, stem, passed)

    monkeypatch.setattr(listing, "_read_names", counting)
    assert len(list(storage.list_objects("d/", start_after="d/7/5"))) == 24
    assert opened == ["d", "d/7", "d/8", "d/9"]


def test_a_very_deep_key_is_stored_listed_and_removed(storage: NasStorage, root: Path) -> None:
    key = "/".join("d" * 200)
    put(storage, key)
    assert keys_of(storage) == [key]
    assert not any(storage.delete_prefix("d/"))
    assert [path.name for path in root.iterdir()] == [".datacenter"]


def test_no_descriptor_stays_open_but_that_of_the_root(storage: NasStorage) -> None:
    assert keys_of(storage) == []
    before = os.listdir("/proc/self/fd")
    put(storage, *(f"d/{number % 5}/{number}" for number in range(200)))
    next(storage.list_objects("d/"))
    next(storage.read_ranges([ByteRange(key="d/0/0", offset=0, length=1)] * 1000))
    with pytest.raises(ObjectMissing):
        storage.stat("d/0/none")
    upload_id = storage.begin_upload("u")
    storage.complete_upload("u", upload_id, [storage.upload_part("u", upload_id, 1, 0, [b"x"])])
    list(storage.delete_prefix("d/"))
    assert sorted(os.listdir("/proc/self/fd")) == sorted(before)
