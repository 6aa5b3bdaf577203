"""What killed readers have left in the staging directory goes with a later push-down, and nothing else does."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storage_adapters.errors import PermissionDenied
from storage_adapters.hive.pushdown import ABANDONED_AFTER, read_pushed_down
from storage_adapters.hive.staging import StagingDirectory
from storage_adapters.registry import open_storage
from storage_adapters.table_storage.source import Source

OLD_SECONDS = ABANDONED_AFTER.total_seconds() + 60


def keep(path: Path, *, age_seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    then = path.stat().st_mtime - age_seconds
    os.utime(path, (then, then))


class EmptyResult:
    """A session whose engine writes no rows."""

    engine = SimpleNamespace(directory="STORED AS PARQUET", pushed_as_text=frozenset())

    def run(self, statement: str) -> None:
        assert statement.startswith("INSERT OVERWRITE DIRECTORY")
        self.directory = statement.split("'")[1].rpartition("/")[2]

    def limit(self, seconds: float) -> None:
        pass


def test_directories_in_which_nothing_changed_for_seven_days_are_removed(tmp_path: Path) -> None:
    keep(tmp_path / "datacenter-pushdown-killed/part-0.parquet", age_seconds=OLD_SECONDS)
    keep(tmp_path / "datacenter-pushdown-killed/_temporary/0/x", age_seconds=OLD_SECONDS)
    keep(tmp_path / "datacenter-pushdown-long/part-0.parquet", age_seconds=OLD_SECONDS)
    keep(tmp_path / "datacenter-pushdown-long/part-1.parquet", age_seconds=0)
    keep(tmp_path / "somebody-else/part-0.parquet", age_seconds=OLD_SECONDS)
    storage = open_storage("nas", str(tmp_path), {})
    session: Any = EmptyResult()
    source = Source(title="the query", sql="(SELECT 1 AS a) q")

    assert (
        list(read_pushed_down(session, StagingDirectory(storage=storage, engine_url="/staging"), source, []))
        == []
    )

    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(("datacenter", "some"))}
    assert left == {"datacenter-pushdown-long", "somebody-else"}


class OneFile(EmptyResult):
    """A session whose engine writes a file."""

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def run(self, statement: str) -> None:
        super().run(statement)
        keep(self._staging / self.directory / "part-0.parquet", age_seconds=0)


def test_a_file_of_the_engine_that_may_not_be_read_is_told_with_the_option_to_correct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage("nas", str(tmp_path), {})

    def refuse(*_: object) -> None:
        raise PermissionError("use another user: by the option 'user'")

    monkeypatch.setattr(type(storage.fs), "open", refuse)
    session: Any = OneFile(tmp_path)
    source = Source(title="the query", sql="(SELECT 1 AS a) q")

    with pytest.raises(PermissionDenied, match=r"cannot be read: .* option 'staging_user'"):
        list(read_pushed_down(session, StagingDirectory(storage=storage, engine_url="/staging"), source, []))

    assert list(tmp_path.rglob("*.parquet")) == []
