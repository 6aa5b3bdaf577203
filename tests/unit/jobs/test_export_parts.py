"""Exports: the number of parts of an archive on each kind of storage."""

import random
from pathlib import Path

import pytest
from support.jobs.scenarios import zip_of
from support.jobs.workbench import Workbench
from support.storages.memory import MemoryStorage

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.settings.model import StorageSettings
from storage_adapters.object_storage.contract import Part

FILES = {f"{number}.bin": random.Random(number).randbytes(50_000) for number in range(20)}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """The parts of archives that were written."""
    parts: list[Part] = []
    upload_part = MemoryStorage.upload_part

    def watching(storage, key: str, *rest) -> Part:
        part = upload_part(storage, key, *rest)
        if key.startswith("archives/"):
            parts.append(part)
        return part

    monkeypatch.setattr(MemoryStorage, "upload_part", watching)
    return parts


@pytest.mark.parametrize(("rewrites_parts", "parts"), [(False, 5), (True, 1)])
def test_an_archive_is_one_part_where_parts_would_be_written_twice(
    tmp_path: Path, written: list[Part], rewrites_parts: bool, parts: int
) -> None:
    options = {"minimum_part_bytes": 1, "rewrites_parts": rewrites_parts}
    kept = StorageSettings(kind="memory", url=f"memory://{tmp_path}", options=options)
    bench = Workbench(tmp_path, storages={"default": kept}, part_bytes=220_000)
    dataset = bench.imported(zip_of(FILES))

    _, _, job = bench.export(ExportRequest(datasets=((dataset.id, None),)))
    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.files_done, ended.bytes_done) == ("SUCCESS", len(FILES), ended.bytes_total)
    assert len(written) == parts
    assert sum(part.length for part in written) == ended.bytes_total
    bench.close()
