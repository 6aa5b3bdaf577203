"""The root of a NAS storage is the directory that was registered: no link that is put in its way later is followed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from datacenter.database.engine import Database, now
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings, Settings
from datacenter.storages.opener import Storages
from datacenter.storages.rows import RegisteredStorage
from storage_adapters.errors import ConfigurationInvalid, PlaceRefused, StorageError, StorageUnavailable
from storage_adapters.nas import NasStorage
from storage_adapters.nas.root import Root
from storage_adapters.object_storage.contract import ByteRange, NewObject, failures

KEY = "d/file"
SECRET = b"secret"
OURS = b"our own"


def _put(storage: NasStorage, key: str = KEY, data: bytes = OURS) -> None:
    assert failures(storage.put_many([NewObject(key=key, data=data)])) == []


def _read(storage: NasStorage, key: str = KEY) -> bytes:
    return b"".join(storage.read_ranges([ByteRange(key=key, offset=0, length=6)]))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A tree that looks like a storage, and is none of ours."""
    for place in ("outside/d", "outside/root/d", "outside/parent/root/d"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "file").write_bytes(SECRET)
    return tmp_path / "outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "root"


@pytest.fixture
def storage(root: Path) -> NasStorage:
    found = NasStorage.from_url(str(root), {})
    _put(found)
    return found


def _everything(storage: NasStorage) -> dict[str, Callable[[], object]]:
    part = ByteRange(key=KEY, offset=0, length=6)
    return {
        "stat": lambda: storage.stat(KEY),
        "list": lambda: list(storage.list_objects("")),
        "read": lambda: _read(storage),
        "put": lambda: _put(storage),
        "delete": lambda: [outcome for outcome in storage.delete([KEY]) if outcome.error is None] or 1 / 0,
        "delete_prefix": lambda: list(storage.delete_prefix("d/")),
        "copy": lambda: storage.copy(KEY, "copied"),
        "begin": lambda: storage.begin_upload(KEY),
        "copy_part": lambda: storage.copy_part("new", "0" * 32, 1, 0, part),
        "abandoned": storage.remove_abandoned,
        "uploads": lambda: list(storage.list_uploads("")),
        "fs": lambda: storage.fs,
    }


@pytest.mark.parametrize("swapped", ["root", "parent"])
@pytest.mark.parametrize("used_before", [True, False])
def test_a_root_or_a_parent_that_was_replaced_by_a_link_is_never_followed(
    storage: NasStorage, root: Path, outside: Path, swapped: str, used_before: bool
) -> None:
    if not used_before:
        storage = NasStorage.from_url(str(root), {})
    victim = root if swapped == "root" else root.parent
    victim.rename(victim.with_name("moved"))
    victim.symlink_to(outside)
    before = _tree(outside)

    for call in _everything(storage).values():
        with pytest.raises((StorageError, AssertionError, ZeroDivisionError)):
            call()
    with pytest.raises(StorageUnavailable, match="is a symbolic link now"):
        _read(storage)
    assert not storage.check().ok
    assert _tree(outside) == before
    assert (
        victim.with_name("moved") / ("d" if swapped == "root" else "root/d") / "file"
    ).read_bytes() == OURS

    victim.unlink()
    victim.with_name("moved").rename(victim)
    assert _read(storage) == OURS[:6]


def _tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_root_that_is_linked_when_it_is_opened_stays_the_directory_that_the_link_led_to(
    tmp_path: Path, outside: Path
) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "link").symlink_to("volume")
    storage = NasStorage.from_url(str(tmp_path / "link" / "root"), {})
    _put(storage)
    assert (tmp_path / "volume" / "root" / KEY).read_bytes() == OURS

    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(outside)
    assert _read(storage) == OURS[:6]
    with pytest.raises(StorageUnavailable):
        NasStorage.from_url(str(tmp_path / "link" / "root"), {"follow_root": False, "create": False}).stat(
            KEY
        )
    with pytest.raises(StorageUnavailable):
        NasStorage.from_url(str(tmp_path / "link" / "new"), {"follow_root": False})
    assert not (outside / "new").exists()


def test_a_directory_that_was_removed_and_made_again_is_the_storage_again(
    storage: NasStorage, root: Path
) -> None:
    for number in range(3):
        shutil.rmtree(root)
        with pytest.raises(StorageUnavailable, match="Check that the file system is mounted"):
            storage.stat(KEY)
        root.mkdir()
        _put(storage, data=b"%07d" % number)
        assert (root / KEY).read_bytes() == b"%07d" % number


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_file_system_that_is_mounted_over_the_root_is_used_from_then_on(
    storage: NasStorage, root: Path
) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        assert list(storage.list_objects("")) == []
        _put(storage, "mounted")
    finally:
        subprocess.run(["umount", "-l", root], check=True)
    assert [info.key for info in storage.list_objects("")] == [KEY]


def test_a_parent_that_cannot_be_listed_can_be_gone_through(tmp_path: Path) -> None:
    root = tmp_path / "closed" / "root"
    storage = NasStorage.from_url(str(root), {})
    _put(storage)
    (tmp_path / "closed").chmod(0o311)
    try:
        assert _read(NasStorage.from_url(str(root), {"create": False})) == OURS[:6]
    finally:
        (tmp_path / "closed").chmod(0o755)


@pytest.mark.parametrize("swapped", ["root", "parent", "grandparent"])
def test_no_race_of_renames_and_links_leads_outside(tmp_path: Path, outside: Path, swapped: str) -> None:
    root = tmp_path / "g" / "parent" / "root"
    storage = NasStorage.from_url(str(root), {})
    _put(storage)
    victim = {"root": root, "parent": root.parent, "grandparent": root.parent.parent}[swapped]
    (outside / "parent" / "root" / "d" / "file").write_bytes(SECRET)
    away, link = victim.with_name("away"), victim.with_name("link")
    before, stop = _tree(outside), Event()

    def swap() -> None:
        while not stop.is_set():
            link.symlink_to(outside)
            victim.rename(away)
            link.rename(victim)
            victim.unlink()
            away.rename(victim)

    swapping = Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        for number in range(1500):
            with suppress(StorageError, AssertionError):
                opened = (
                    storage
                    if number % 3
                    else NasStorage.from_url(str(root), {"follow_root": False, "create": False})
                )
                seen.add(_read(opened))
                seen.update(info.key for info in opened.list_objects(""))
                _put(opened, f"put/{number % 7}")
    finally:
        stop.set()
        swapping.join()
    assert seen <= {OURS[:6], KEY, *(f"put/{number}" for number in range(7))}
    assert _tree(outside) == before
    assert _read(storage) == OURS[:6]


def test_threads_share_the_root_while_it_is_replaced(storage: NasStorage, root: Path) -> None:
    stop, wrong = Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                found = _read(storage)
            except StorageError:
                continue
            except OSError as error:  # a descriptor that was closed under a reader
                wrong.append(error)
                return
            if found != OURS[:6]:
                wrong.append(found)

    readers = [Thread(target=read) for _ in range(4)]
    for each in readers:
        each.start()
    for _ in range(200):
        root.rename(root.with_name("old"))
        shutil.copytree(root.with_name("old"), root)
        shutil.rmtree(root.with_name("old"))
    stop.set()
    for each in readers:
        each.join()
    assert wrong == []


def test_descriptors_of_roots_that_are_used_no_more_are_closed(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        _put(NasStorage.from_url(str(root), {}))
    assert len(os.listdir("/proc/self/fd")) <= before + 1


# Avoided directories: compared by device and inode, so that no second mount of a platform is entered.


def _avoiding(storage: NasStorage, *directories: Path) -> NasStorage:
    return storage.avoiding(lambda: map(str, directories))


def test_an_avoided_directory_is_not_entered_by_whatever_name(tmp_path: Path) -> None:
    storage = NasStorage.from_url(str(tmp_path / "inbox"), {})
    for key in ("plat/datasets/x/1", "plat/fine", "z"):
        _put(storage, key)
    # A link, as another name of the same directory; a second mount would be one as well.
    (tmp_path / "name").symlink_to(tmp_path / "inbox" / "plat")
    avoiding = _avoiding(storage, tmp_path / "name" / "datasets", tmp_path / "missing")

    assert [info.key for info in avoiding.list_objects("")] == ["plat/fine", "z"]
    for call in (lambda: _read(avoiding, "plat/datasets/x/1"), lambda: avoiding.stat("plat/datasets/x/1")):
        with pytest.raises(PlaceRefused):
            call()
    with pytest.raises(PlaceRefused):
        list(avoiding.list_objects("plat/datasets/x/"))
    assert _read(storage, "plat/datasets/x/1") == OURS[:6]

    for below in ("plat/datasets", "plat/datasets/x"):
        inside = _avoiding(
            NasStorage.from_url(str(tmp_path / "inbox" / below), {}), tmp_path / "name" / "datasets"
        )
        with pytest.raises(PlaceRefused):
            list(inside.list_objects(""))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_second_mount_of_a_platform_is_not_entered(tmp_path: Path) -> None:
    _put(NasStorage.from_url(str(tmp_path / "plat"), {}), "datasets/x/1")
    again = tmp_path / "inbox" / "again"
    again.mkdir(parents=True)
    if subprocess.run(
        ["mount", "--bind", tmp_path / "plat", again], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        for place, prefix in (
            (tmp_path / "inbox", "again/datasets/"),
            (again, "datasets/"),
            (again / "datasets", ""),
        ):
            source = _avoiding(NasStorage.from_url(str(place), {}), tmp_path / "plat" / "datasets")
            with pytest.raises(PlaceRefused):
                list(source.list_objects(prefix))
    finally:
        subprocess.run(["umount", "-l", again], check=True)


def test_no_descriptor_is_left_when_an_avoided_directory_is_met(tmp_path: Path) -> None:
    storage = NasStorage.from_url(str(tmp_path / "inbox"), {})
    _put(storage, "a/b/c")
    avoiding = _avoiding(storage, tmp_path / "inbox" / "a" / "b")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with pytest.raises(PlaceRefused):
            _read(avoiding, "a/b/c")
    assert len(os.listdir("/proc/self/fd")) == before


# Registered storages: the path was resolved when it was registered.


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/test.db")
    migrate(settings)
    found = Database(settings)
    yield found
    found.close()


def _registered(database: Database, name: str, url: str, allow: list[str]) -> Storages:
    with database.transaction() as session:
        moment = now(session)
        columns = {"kind": "nas", "role": "source", "options": {"follow_root": True}, "secrets": None}
        session.add(RegisteredStorage(name=name, url=url, **columns, created_at=moment, updated_at=moment))
    settings = Settings(environment="development", registration={"allow": allow}, storages={})
    return Storages(settings, database)


def test_a_registered_root_is_compared_with_the_allowed_place_at_use(
    tmp_path: Path, outside: Path, database: Database
) -> None:
    root = tmp_path / "inbox" / "team" / "root"
    (root / "d").mkdir(parents=True)
    (root / KEY).write_bytes(OURS)
    allow = [f"nas://{tmp_path}/inbox/team"]
    storages = _registered(database, "scans", f"nas://{root}", allow)
    source = storages.open_source("scans")
    assert source.stat(KEY).size_bytes == len(OURS)

    # The owner of the directory above puts a link in the place of the allowed one.
    (tmp_path / "inbox" / "team").rename(tmp_path / "inbox" / "away")
    (tmp_path / "inbox" / "team").symlink_to(outside)
    again = Storages(
        Settings(environment="development", registration={"allow": allow}, storages={}), database
    )
    for opener in (lambda: source, lambda: storages.open_source("scans"), lambda: again.open_source("scans")):
        with pytest.raises((StorageUnavailable, ConfigurationInvalid)):
            opener().stat(KEY)
    with suppress(StorageError):
        assert not list(again.open_source("scans").list_objects(""))


def test_make_follows_no_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(StorageUnavailable):
        Root(f"{tmp_path}/link/made/deep").make()
    assert not (outside / "made").exists()
    Root(f"{tmp_path}/made/deep/er").make()
    Root(f"{tmp_path}/made/deep/er").make()
    assert (tmp_path / "made/deep/er").is_dir()
