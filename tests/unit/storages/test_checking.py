"""Checking: an answer in words within the deadline, whatever the storage does."""

import threading
from pathlib import Path

import pytest
from support.storages.guarded import CANARY, GUARDED
from support.storages.memory import MemoryStorage

from datacenter.database.engine import Base, Database
from datacenter.settings.model import Settings
from datacenter.storages.checking import Checker
from datacenter.storages.opener import Storages
from storage_adapters import registry
from storage_adapters.errors import StorageUnavailable


def _storages(tmp_path: Path, **storages: dict) -> Storages:
    settings = Settings(database={"url": f"sqlite:///{tmp_path}/test.db"}, storages=storages)
    database = Database(settings.database)
    Base.metadata.create_all(database.engine)
    database.close()
    return Storages(settings, database)


def test_a_platform_is_written_to_and_a_source_is_not(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    storages = _storages(
        tmp_path,
        platform={"kind": "nas", "url": f"{tmp_path}/platform"},
        source={"kind": "nas", "url": f"{tmp_path}/source", "role": "source"},
        empty={"kind": "nas", "url": f"{tmp_path}/empty", "role": "source"},
    )
    before = (tmp_path / "source").stat().st_mtime_ns

    checked = {name: Checker(storages).check(name) for name in storages.names()}

    assert all(health.ok for health in checked.values()), checked
    assert "written" in checked["platform"].detail
    assert checked["source"].detail == f"{tmp_path}/source can be listed and read."
    assert checked["empty"].detail == f"{tmp_path}/empty can be listed; it is still empty."
    assert (tmp_path / "source").stat().st_mtime_ns == before


def test_a_source_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    place = {"kind": "nas", "url": f"{tmp_path}/mistyped", "role": "source", "options": {"create": True}}

    found = Checker(_storages(tmp_path, scans=place)).check("scans")

    assert not found.ok
    assert "No such file or directory. Check that the file system is mounted." in found.detail
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])
def test_the_check_of_a_source_says_what_is_wrong_with_its_server(tmp_path: Path, kind: str) -> None:
    place = {"kind": kind, "url": f"{kind}://no-such-host.invalid/data", "role": "source"}

    found = Checker(_storages(tmp_path, hadoop=place)).check("hadoop")

    assert not found.ok
    assert found.detail == (
        f"{kind}://no-such-host.invalid/data cannot be opened: "
        "The host name 'no-such-host.invalid' cannot be resolved: correct it."
    )


@pytest.mark.parametrize("ending", ["wrong", "broken"])
@pytest.mark.parametrize("role", ["platform", "source"])
def test_what_is_wrong_is_told_without_the_secret(
    tmp_path: Path, monkeypatch, ending: str, role: str
) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "guarded", GUARDED)
    options = {"secret_key": f"{CANARY}-{ending}"}
    place = {"kind": "guarded", "url": f"memory://{tmp_path}", "role": role, "options": options}
    storages = _storages(tmp_path, vault=place)

    found = Checker(storages).check("vault")

    assert not found.ok
    assert CANARY not in found.detail
    assert "***" in found.detail or "RuntimeError" in found.detail


def test_a_kind_that_is_not_known_is_told(tmp_path: Path) -> None:
    storages = _storages(tmp_path, default={"kind": "tape", "url": "tape://host"})

    found = Checker(storages).check("default")

    assert not found.ok
    assert "tape" in found.detail


def test_a_storage_that_does_not_answer_costs_one_thread_and_no_more(tmp_path: Path) -> None:
    storages = _storages(tmp_path, default={"kind": "memory", "url": f"memory://{tmp_path}"})
    let_go = threading.Event()

    def hang(*_: object) -> None:
        assert let_go.wait(30)
        raise StorageUnavailable("too late")

    adapter = MemoryStorage.from_url(f"memory://{tmp_path}", {})
    adapter.fail = hang
    checker = Checker(storages, deadline_seconds=0.05)
    before = threading.active_count()

    assert "no answer within 0.05 s" in checker.check("default").detail
    assert "no answer within 0.05 s" in checker.check("default").detail
    assert threading.active_count() == before + 1

    adapter.fail = None
    let_go.set()
    patient = Checker(storages)
    assert patient.check("default").ok
