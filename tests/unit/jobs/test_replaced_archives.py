"""Import of an archive at a source key: it is replaced meanwhile, or a planner wakes up late."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.archives.raw_tar import member, tar
from support.jobs.prefix_imports import KEPT_AT, check_holds, check_nothing_left, failed, given, imported
from support.jobs.scenarios import zip_of
from support.jobs.workbench import Workbench
from support.storages.memory import MemoryStorage

from datacenter.database.engine import now
from datacenter.datasets.models import Dataset
from datacenter.ledger.models import Job, Shard
from datacenter.ledger.repair import reclaim_expired
from datacenter.ledger.states import ShardState
from jobs.contract import JobContext
from jobs.import_dataset import ImportDataset
from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import ByteRange

MEMBER_BYTES = 3 << 20


def tar_of(byte: bytes) -> bytes:
    """Three members that take three reads, all of one byte."""
    return tar(*(member(f"{number}.bin".encode(), byte * MEMBER_BYTES) for number in range(3)))


def replace_once(
    bench: Workbench,
    monkeypatch: pytest.MonkeyPatch,
    source: dict[str, str],
    data: bytes,
    when: Callable[[ByteRange], bool],
) -> None:
    """Replace the archive by these bytes before the first read for which `when` is true."""
    waiting = [data]

    def watching(read_ranges):
        def watched(storage, requests: Iterable[ByteRange]) -> Iterator[bytes]:
            for wanted in requests:
                if waiting and wanted.key == source["key"] and when(wanted):
                    bench.keep(source["storage"], {source["key"]: waiting.pop()})
                yield from read_ranges(storage, [wanted])

        return watched

    for storage in (MemoryStorage, NasStorage):
        monkeypatch.setattr(storage, "read_ranges", watching(storage.read_ranges))


def given_archive(bench: Workbench, storage: str, key: str, data: bytes) -> dict[str, str]:
    bench.keep(storage, {key: data})
    return {"storage": storage, "key": key}


def take_next(bench: Workbench) -> None:
    engine = bench.engine()
    held = engine._claim("import")
    assert held is not None
    engine._process(held)


def planned(bench: Workbench, source: dict[str, str]) -> tuple[Dataset, Job]:
    dataset, job = bench.submit_source(source)
    take_next(bench)
    return dataset, job


def check_refused(bench: Workbench, dataset: Dataset, job: Job) -> None:
    error = bench.job(job.id).error
    assert error is not None
    assert error["code"] == "OBJECT_CHANGED"
    assert bench.dataset(dataset.id).state == "FAILED"
    check_nothing_left(bench, dataset)


@pytest.mark.parametrize("storage", KEPT_AT)
def test_a_tar_replaced_while_it_is_read_never_becomes_a_dataset(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    source = given_archive(bench, storage, f"{prefix}a.tar", tar_of(b"A"))
    replace_once(bench, monkeypatch, source, tar_of(b"B"), lambda wanted: wanted.offset > MEMBER_BYTES)

    error = failed(bench, source)

    assert (error["code"], error["entry"]) == ("OBJECT_CHANGED", source["key"])


@pytest.mark.parametrize("storage", KEPT_AT)
def test_a_zip_replaced_while_a_shard_reads_it_is_named_as_the_reason(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    old = {f"{number}.bin": random.Random(number).randbytes(9_000) for number in range(5)}
    new = {path: data[::-1] for path, data in old.items()}
    source = given_archive(bench, storage, f"{prefix}a.zip", zip_of(old))
    dataset, job = planned(bench, source)

    replace_once(bench, monkeypatch, source, zip_of(new), lambda wanted: wanted.length > 9_000)
    bench.work()

    check_refused(bench, dataset, job)


@pytest.mark.parametrize("storage", KEPT_AT)
@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_replaced_after_its_plan_is_not_read_at_all(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str, name: str
) -> None:
    pack = {"a.zip": lambda byte: zip_of({"1.txt": byte}), "a.tar": lambda byte: tar(member(b"1.txt", byte))}[
        name
    ]
    source = given_archive(bench, storage, prefix + name, pack(b"A"))
    dataset, job = planned(bench, source)
    bench.keep(source["storage"], {source["key"]: pack(b"B")})

    replace_once(bench, monkeypatch, source, b"", lambda wanted: pytest.fail(f"{wanted} was read"))
    bench.work()

    check_refused(bench, dataset, job)


def test_a_planner_that_was_given_up_and_read_another_archive_changes_nothing(
    bench: Workbench, prefix: str
) -> None:
    files = {f"{number}.txt": str(number).encode() for number in range(3)}
    labels = b"path,labels\n" + b"".join(f"{path},new\n".encode() for path in files)
    older = {"x.txt": b"x", "X.txt": b"X", "labels.jsonl": b""}
    source = given_archive(bench, "inbox", f"{prefix}new.zip", zip_of({**files, "labels.csv": labels}))
    given_archive(bench, "inbox", f"{prefix}old.zip", zip_of(older))
    dataset, job = bench.submit_source(source)
    late = bench.engine()._claim("import")
    assert late is not None
    lost = update(Shard).where(Shard.id == late.shard_id, Shard.state == ShardState.LEASED)
    with bench.database.transaction() as session:
        session.execute(lost.values(lease_expires_at=now(session) - timedelta(seconds=1)))
    bench.database.run(lambda session: reclaim_expired(session, bench.settings.ledger, lambda *_: None))
    take_next(bench)

    was_there = {**late.payload, "source": {**late.payload["source"], "key": f"{prefix}old.zip"}}
    context = JobContext(held=replace(late, payload=was_there), resources=bench.resources, stopping=bool)
    ImportDataset().plan(context)
    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.error) == ("SUCCESS", None)
    check_holds(bench, bench.dataset(dataset.id), files)
    assert ended.result is not None
    assert (ended.result["label_file"], ended.result["warnings"]) == ("labels.csv", [])


@pytest.mark.parametrize("form", ["zip", "prefix"])
def test_what_the_plan_learned_of_a_label_file_alone_is_told(
    bench: Workbench, prefix: str, form: str
) -> None:
    labels = b"path,labels\nnowhere.txt,a\n"
    source = given_archive(bench, "inbox", f"{prefix}a.zip", zip_of({"labels.csv": labels}))
    if form == "prefix":
        source = given(bench, "inbox", f"{prefix}files/", {"labels.csv": labels})

    dataset, job = imported(bench, source)

    assert (job.state, dataset.files) == ("SUCCESS", 0)
    assert job.result is not None
    assert job.result["label_file"] == "labels.csv"
    assert "nowhere.txt" in job.result["warnings"][0]
