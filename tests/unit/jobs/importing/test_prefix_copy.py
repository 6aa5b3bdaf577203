"""Import from a prefix: objects that change, come and go meanwhile, and large ones that are copied in parts."""

import os
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from support.jobs.prefix_imports import (
    FILES,
    LARGE,
    check_holds,
    check_nothing_left,
    failed,
    given,
    imported,
)
from support.jobs.workbench import Workbench
from support.storages.memory import MemoryStorage

from datacenter.datasets import retrying
from datacenter.ledger.ledger import request_cancel
from datacenter.ledger.states import JobKind, Step
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext
from jobs.engine.engine import Engine
from jobs.import_dataset import ImportDataset
from jobs.importing import copy_objects
from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import ObjectInfo

CHANGES: dict[str, Callable[[bytes], bytes | None]] = {
    "other bytes": lambda data: bytes(reversed(data)) or b"x",
    "grown": lambda data: data + b"more",
    "shorter": lambda data: data[:-1] or b"x",
    "gone": lambda _: None,
}


def change(bench: Workbench, storage: str, key: str, data: bytes | None) -> None:
    if data is None:
        assert [outcome.error for outcome in bench.resources.storages.open(storage).delete([key])] == [None]
    else:
        bench.keep(storage, {key: data})


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("path", ["cat/2.png", "dog/large.bin", "dog/empty.txt"])
@pytest.mark.parametrize(
    ("storage", "target"), [("inbox", "default"), ("shared", "shared"), ("bucket", "bucket")]
)
def test_an_object_that_changes_after_the_plan_ends_the_job(
    bench: Workbench, prefix: str, storage: str, target: str, path: str, how: str
) -> None:
    source = given(bench, storage, prefix, FILES)
    dataset, job = bench.submit_source(source, storage=target)
    engine = one_at_a_time(bench)
    engine.work("import")
    change(bench, storage, prefix + path, CHANGES[how](FILES[path]))
    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.checkpoint) == ("FAILURE", False)
    assert ended.error is not None
    assert ended.error["code"] == ("OBJECT_MISSING" if how == "gone" else "OBJECT_CHANGED")
    assert ended.error["entry"] == prefix + path
    check_nothing_left(bench, dataset)


def one_at_a_time(bench: Workbench) -> Engine:
    """An engine that stops after one shard."""
    ledger = bench.settings.ledger.model_copy(update={"slice_seconds": 1e-9})
    resources = replace(bench.resources, settings=bench.settings.model_copy(update={"ledger": ledger}))
    return Engine(
        resources, {JobKind.IMPORT: ImportDataset()}, "one", stopping=lambda: False, must_stop=lambda: False
    )


@pytest.mark.parametrize("path", ["cat/2.png", "dog/large.bin"])
def test_an_object_that_changes_while_it_is_read_ends_the_job(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def changed_at_once(*arguments: Any, **named: Any) -> list[int]:
        crcs = copy_objects.copy_objects(*arguments, **named)
        bench.keep("inbox", {prefix + path: FILES[path][::-1]})
        return crcs

    source = given(bench, "inbox", prefix, FILES)
    monkeypatch.setattr("jobs.importing.prefix.copy_objects", changed_at_once)

    error = failed(bench, source)

    assert (error["code"], error["entry"]) == ("OBJECT_CHANGED", prefix + path)


def test_a_label_file_that_changes_while_it_is_read_ends_the_job(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = given(bench, "inbox", prefix, {"a.png": b"a", "labels.csv": b"path,labels\na.png,cat\n"})
    stream = ObjectSource.stream

    def changed_at_once(self: ObjectSource) -> Iterator[bytes]:
        yield from stream(self)
        bench.keep("inbox", {f"{prefix}labels.csv": b"path,labels\na.png,dog\n"})

    monkeypatch.setattr(ObjectSource, "stream", changed_at_once)

    assert failed(bench, source)["code"] == "OBJECT_CHANGED"


FLAT = [f"{number:02}.png" for number in range(10)]
FOLDERS = [f"{folder}/{number}.png" for folder in "abcde" for number in range(2)]


@pytest.mark.parametrize(
    ("storage", "paths", "lists"), [("inbox", FLAT, 0), ("inbox", FOLDERS, 5), ("bucket", FLAT, 5)]
)
def test_shards_list_no_directory_that_holds_much_more_than_their_own_files(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str, paths: list[str], lists: int
) -> None:
    files = {path: path.encode() for path in paths}
    source = given(bench, storage, prefix, files)
    begun: list[str] = []

    def counting(list_objects: Any) -> Any:
        def counted(storage: Any, wanted: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
            if wanted == prefix:
                begun.append(start_after)
            return cast(Iterator[ObjectInfo], list_objects(storage, wanted, start_after=start_after))

        return counted

    for adapter in (NasStorage, MemoryStorage):
        monkeypatch.setattr(adapter, "list_objects", counting(adapter.list_objects))
    dataset, job = imported(bench, source)

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, files)
    assert begun == ["", *(prefix + path for path in paths[::2])][: 1 + lists]


def test_objects_that_come_after_the_plan_are_not_imported(bench: Workbench, prefix: str) -> None:
    source = given(bench, "inbox", prefix, FILES)
    dataset, job = bench.submit_source(source)
    one_at_a_time(bench).work("import")
    given(bench, "inbox", prefix, {"cat/15.png": b"late", "a.png": b"late", "猫/z.png": b"late"})
    bench.work()

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    check_holds(bench, bench.dataset(dataset.id), FILES)


def test_a_failed_import_can_be_retried_and_takes_what_is_there_then(bench: Workbench, prefix: str) -> None:
    dataset, job = imported(bench, {"storage": "inbox", "prefix": prefix})
    assert job.state == "FAILURE"
    given(bench, "inbox", prefix, FILES)
    with bench.database.transaction() as session:
        retrying.retry(session, bench.resources, bench.project_id, job.id)
    bench.work()

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    check_holds(bench, bench.dataset(dataset.id), FILES)


class Beset(Engine):
    """A late planner, which lost its lease, writes a second plan with one more object."""

    def __init__(self, bench: Workbench, prefix: str) -> None:
        self.__dict__.update(bench.engine().__dict__)
        self._bench, self._key = bench, f"{prefix}a-late.png"

    def _run_step(self, context: JobContext) -> Any:
        ended = super()._run_step(context)
        if context.held.step == Step.PLAN:
            change(self._bench, "inbox", self._key, b"late")
            given_up = replace(context.held, token=context.held.token - 1)
            ImportDataset().plan(
                JobContext(held=given_up, resources=context.resources, stopping=lambda: False)
            )
            change(self._bench, "inbox", self._key, None)
        return ended


def test_a_planner_that_was_given_up_does_not_disturb_the_one_that_counts(
    bench: Workbench, prefix: str
) -> None:
    dataset, job = bench.submit_source(given(bench, "inbox", prefix, FILES))
    bench.work(Beset(bench, prefix))

    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    check_holds(bench, bench.dataset(dataset.id), FILES)


@pytest.mark.parametrize("storage", ["shared", "bucket"])
def test_within_a_storage_a_large_file_is_copied_there_in_parts_where_one_call_would_take_long(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    monkeypatch.setattr(copy_objects, "COPY_BYTES", 500_000)
    # Parts of the bucket have 5 MiB at least.
    files = {**FILES, "dog/larger.bin": LARGE * 9}

    dataset, job = imported(bench, given(bench, storage, prefix, files), storage=storage)

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, files)


@pytest.mark.parametrize("storage", ["shared", "bucket"])
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_cancel_while_a_large_file_is_copied_leaves_nothing(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str, in_parts: bool
) -> None:
    if in_parts:
        monkeypatch.setattr(copy_objects, "COPY_BYTES", 500_000)
    dataset, job = bench.submit_source(given(bench, storage, prefix, {"a": LARGE * 9}), storage=storage)
    one_at_a_time(bench).work("import")
    checks = 0
    check = JobContext.check

    def cancel_at_the_second(context: JobContext) -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            with bench.database.transaction() as session:
                request_cancel(session, bench.project_id, job.id)
            context.stopped = True
        check(context)

    monkeypatch.setattr(JobContext, "check", cancel_at_the_second)
    bench.work()

    assert bench.job(job.id).state == "REVOKED"
    check_nothing_left(bench, dataset)


@pytest.mark.parametrize(("storage", "target"), [("inbox", "default"), ("shared", "shared")])
def test_a_large_file_is_never_in_memory_and_reports_its_progress(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, storage: str, target: str
) -> None:
    size_bytes = 256 << 20
    source = given(bench, storage, prefix, {"large.bin": b"begins"})
    root = bench.home / storage if storage == "inbox" else bench.root
    os.truncate(root / f"{prefix}large.bin", size_bytes)
    reports: list[int] = []
    report = JobContext.report

    def counted(context: JobContext, *, files: int = 0, size_bytes: int = 0) -> None:
        reports.append(size_bytes)
        report(context, files=files, size_bytes=size_bytes)

    monkeypatch.setattr(JobContext, "report", counted)
    tracemalloc.start()
    _, job = imported(bench, source, storage=target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert job.state == "SUCCESS", job.error
    assert peak < 112 << 20
    assert sum(reports) == job.bytes_done == size_bytes
    assert max(reports) <= copy_objects.READ_BYTES
