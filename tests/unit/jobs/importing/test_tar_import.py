"""Import of a tar: names in an encoding that the first of them do not show, and a worker that wakes up late."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import update
from support.archives.raw_tar import member, tar
from support.jobs.workbench import Workbench

from datacenter.database.engine import now
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.records import find_version, labels_of
from datacenter.ledger.models import Shard
from datacenter.ledger.repair import reclaim_expired
from datacenter.ledger.states import ShardState
from datacenter.storages.object_file import ObjectSource
from jobs.importing.archive_tar import Recorder

PATHS = ["一/1.jpg", "一/2.jpg", "中/1.jpg", "中/3.jpg"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize("name_encoding", [None, "gbk"])
def test_gbk_names_of_which_the_first_are_utf_8_by_chance_are_imported(
    bench: Workbench, name_encoding: str | None
) -> None:
    archive = tar(*(member(path.encode("gb18030"), path.encode()) for path in PATHS))
    new, job = bench.submit_import(archive, filename="data.tar", name_encoding=name_encoding)
    bench.work()

    ended, dataset = bench.job(job.id), bench.dataset(new.id)
    assert ended.state == "SUCCESS", ended.error
    assert (ended.files_done, ended.bytes_done) == (len(PATHS), len(archive))
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    storage = bench.resources.storages.open(dataset.storage)
    rows = pa.concat_tables(read_rows(storage, version.manifest_key, ["path", "labels", "key"])).to_pylist()
    assert {row["path"]: row["labels"] for row in rows} == {path: [path[0]] for path in PATHS}
    for row in rows:
        source = ObjectSource(storage, row["key"])
        assert source.read(0, source.size_bytes) == row["path"].encode()


def test_a_worker_that_was_given_up_leaves_the_labels_of_its_successor_alone(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = "path,label\n" + "".join(f"{number}.jpg,label {number}\n" for number in range(4))
    files = [member(f"{number}.jpg".encode(), b"x") for number in range(4)]
    archive = tar(*files, member(b"labels.csv", labels.encode()))
    new, job = bench.submit_import(archive, filename="data.tar")
    paused, resumed = threading.Event(), threading.Event()
    flush = Recorder._flush

    def flush_late(recorder: Recorder) -> None:
        monkeypatch.setattr(Recorder, "_flush", flush)
        paused.set()
        assert resumed.wait(30)
        flush(recorder)

    monkeypatch.setattr(Recorder, "_flush", flush_late)
    beats = bench.settings.ledger.model_copy(update={"heartbeat_seconds": 0.05})
    bench.resources = replace(bench.resources, settings=bench.settings.model_copy(update={"ledger": beats}))
    late = threading.Thread(target=bench.engine().work, args=("import",))
    late.start()
    assert paused.wait(30)
    lost = update(Shard).where(Shard.state == ShardState.LEASED)
    with bench.database.transaction() as session:
        session.execute(lost.values(lease_expires_at=now(session) - timedelta(seconds=1)))
    bench.database.run(lambda session: reclaim_expired(session, bench.settings.ledger, lambda *_: None))
    held = bench.engine()._claim("import")
    assert held is not None
    bench.engine()._process(held)

    time.sleep(0.5)  # its heartbeat has noticed by now
    resumed.set()
    late.join()
    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, (ended.result or {})["files"]) == ("SUCCESS", 4)
    with bench.database.reading() as session:
        found = labels_of(session, [new.id])[new.id]
    assert found == {f"label {number}": 1 for number in range(4)}
