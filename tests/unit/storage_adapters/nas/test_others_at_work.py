"""Objects on a NAS while others work there: processes that write, that remove, that are killed, and threads."""

import os
import shutil
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import pytest
from support.storages.nas_objects import keys_of, put

from storage_adapters.nas import NasStorage, clearing
from storage_adapters.nas.directories import Directories
from storage_adapters.object_storage.contract import ByteRange, Part


def test_an_object_put_behind_a_running_clearing_is_cleared_too(
    storage: NasStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, "d/s/1")
    remove = clearing.remove_directories
    late = iter(["d/s/late", "d/s/x/later"])

    def put_behind(root: str, directory: str) -> bool:
        key = next(late, None)
        if key is not None:
            put(storage, key)
        return remove(root, directory)

    monkeypatch.setattr("storage_adapters.nas.storage.remove_directories", put_behind)
    assert not any(storage.delete_prefix("d/s/"))
    assert next(late, None) is None
    assert keys_of(storage) == []


def test_a_put_succeeds_whose_directory_is_removed_at_the_last_moment(
    storage: NasStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, removals = Directories.make, [1, 2, 3]

    def make_in_vain(directories: Directories, path: str) -> int:
        opened = make(directories, path)
        if path == "race/a" and removals:
            removals.pop()
            shutil.rmtree(root / "race")
        return opened

    monkeypatch.setattr(Directories, "make", make_in_vain)
    put(storage, "race/a/k")
    assert (removals, keys_of(storage)) == ([], ["race/a/k"])


def test_puts_succeed_while_another_process_removes_their_directories(
    storage: NasStorage, root: Path
) -> None:
    # Rounds count that find something, which a put has made since the round before.
    script = (
        "import sys; from storage_adapters.nas import NasStorage; s = NasStorage.from_url(sys.argv[1], {})\n"
        "rounds = 0\n"
        "while rounds < 60:\n"
        "    rounds += any(s.list_objects('race/a/b/'))\n"
        "    list(s.delete_prefix('race/a/b/'))"
    )
    remover = subprocess.Popen([sys.executable, "-c", script, str(root)])
    try:
        while remover.poll() is None:
            for number in range(20):
                put(storage, f"race/a/b/c/{number}/k")
        assert remover.returncode == 0
    finally:
        remover.kill()
        remover.wait()


def write_one_part(root: str, upload_id: str, number: int) -> Part:
    size = 1_000_003
    data = [bytes([number]) * 1000] * 1000 + [b"end"]
    return NasStorage.from_url(root, {}).upload_part("k", upload_id, number, (number - 1) * size, data)


def test_parts_come_from_several_processes_at_once(storage: NasStorage, root: Path) -> None:
    upload_id = storage.begin_upload("k")
    with get_context("spawn").Pool(2) as pool:
        parts = pool.starmap(write_one_part, [(str(root), upload_id, number) for number in (4, 2, 1, 3)])
    storage.complete_upload("k", upload_id, parts)
    assert storage.fs.cat_file("k") == b"".join(
        bytes([number]) * 1_000_000 + b"end" for number in (1, 2, 3, 4)
    )


def test_a_killed_writer_leaves_an_upload_that_is_listed_and_no_object(
    storage: NasStorage, root: Path
) -> None:
    script = (
        "import os, signal, sys; from storage_adapters.nas import NasStorage; s = NasStorage.from_url(sys.argv[1], {})\n"
        "i = s.begin_upload('d/k'); s.upload_part('d/k', i, 1, 0, [b'x']); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(root)], check=False).returncode == -9
    (upload,) = storage.list_uploads("d/")
    assert keys_of(storage) == []
    storage.abort_upload(upload.key, upload.upload_id)
    assert os.listdir(root / ".datacenter/uploads") == []


def test_one_instance_serves_several_threads(storage: NasStorage) -> None:
    stop, faults = Event(), []

    def work(name: str) -> None:
        keys = [f"{name}/{number}" for number in range(50)]
        put(storage, *keys, data=name.encode())
        wanted = [ByteRange(key=key, offset=0, length=len(name)) for key in keys]
        assert list(storage.read_ranges(wanted)) == [name.encode()] * 50
        assert keys_of(storage, f"{name}/") == sorted(keys)
        assert not any(storage.delete_prefix(f"{name}/"))

    def loop(name: str) -> None:
        try:
            while not stop.is_set():
                work(name)
        except BaseException as fault:  # noqa: BLE001  # whatever it is, the test reports it
            faults.append(fault)

    threads = [Thread(target=loop, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    stop.wait(0.7)
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert keys_of(storage) == []
