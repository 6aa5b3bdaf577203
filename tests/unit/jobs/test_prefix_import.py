"""Import from a prefix: what becomes of the objects, which of them are refused, and what if they change."""

import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from workbench import Workbench

from datacenter.archives.crc import crc32
from datacenter.datasets import retrying
from datacenter.datasets.manifest import read_rows
from datacenter.datasets.models import Dataset
from datacenter.datasets.records import find_version
from datacenter.ledger.ledger import request_cancel
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind, Step
from datacenter.settings import LimitSettings, StorageSettings
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext
from jobs.engine import Engine
from jobs.import_dataset import ImportDataset
from jobs.importing import copy_objects, prefix_import, server_copy, source_listing
from storage_adapters.contract import ObjectInfo
from storage_adapters.memory import MemoryStorage

LARGE = random.Random("large").randbytes(1_300_000)
FILES = {
    "cat/1.png": b"one",
    "cat/2.png": b"two",
    "dog/large.bin": LARGE,
    "dog/empty.txt": b"",
    "猫/a b.png": b"three",
}
KEPT_AT = ["inbox", "shared", "bucket"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    home = tmp_path_factory.mktemp("bench")
    bucket = StorageSettings(kind="memory", url=f"memory://{home}", role="both")
    bench = Workbench(home, storages={"bucket": bucket}, files=2)
    yield bench
    bench.close()


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A prefix that no other test uses."""
    return f"{tmp_path.name}/"


def given(bench: Workbench, storage: str, prefix: str, files: dict[str, bytes]) -> dict[str, str]:
    """The files under the prefix of a storage, as the source of an import."""
    bench.keep(storage, {prefix + path: data for path, data in files.items()})
    return {"storage": storage, "prefix": prefix}


def imported(bench: Workbench, source: dict[str, str], **fields: Any) -> tuple[Dataset, Job]:
    dataset, job = bench.submit_source(source, **fields)
    bench.work()
    return bench.dataset(dataset.id), bench.job(job.id)


def rows(bench: Workbench, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The manifest's rows by path, with the stored bytes of each file."""
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    storage = bench.resources.storages.open(dataset.storage)
    found = pa.concat_tables(read_rows(storage, version.manifest_key)).to_pylist()
    for row in found:
        row["data"] = b"".join(ObjectSource(storage, row["key"]).stream())
    return {row["path"]: row for row in found}


def check_holds(bench: Workbench, dataset: Dataset, files: dict[str, bytes]) -> None:
    made = rows(bench, dataset)
    assert {path: row["data"] for path, row in made.items()} == files
    assert list(made) == sorted(files)
    for path, row in made.items():
        assert (row["size_bytes"], row["crc32"]) == (len(files[path]), crc32(files[path])), path


def failed(bench: Workbench, source: dict[str, str], **fields: Any) -> dict[str, Any]:
    """The error of an import that must fail and leave nothing."""
    dataset, job = imported(bench, source, **fields)
    assert (job.state, dataset.state) == ("FAILURE", "FAILED")
    check_nothing_left(bench, dataset)
    assert job.error is not None
    return job.error


def check_nothing_left(bench: Workbench, dataset: Dataset) -> None:
    storage = bench.resources.storages.open(dataset.storage)
    assert list(storage.list_objects(dataset.prefix)) == []
    assert list(storage.list_uploads(dataset.prefix)) == []


@pytest.mark.parametrize("target", ["default", "bucket"])
@pytest.mark.parametrize("storage", KEPT_AT)
def test_every_object_under_the_prefix_becomes_a_file(
    bench: Workbench, prefix: str, storage: str, target: str
) -> None:
    source = given(bench, storage, prefix, FILES)
    given(bench, storage, f"{prefix[:-1]}-beside/", {"cat/9.png": b"beside"})

    dataset, job = imported(bench, source, storage=target)

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, FILES)
    assert {path: row["labels"] for path, row in rows(bench, dataset).items()} == {
        path: [path.partition("/")[0]] for path in FILES
    }
    assert (job.files_done, job.files_total) == (len(FILES), len(FILES))
    assert job.bytes_done == job.bytes_total == sum(map(len, FILES.values()))


@pytest.mark.parametrize("storage", KEPT_AT)
@pytest.mark.parametrize("label_file", ["labels.csv", "labels.jsonl"])
def test_a_label_file_under_the_prefix_labels_the_files(
    bench: Workbench, prefix: str, storage: str, label_file: str
) -> None:
    content = {
        "labels.csv": "path,labels\ncat/1.png,cat|first\n猫/a b.png,猫\nnowhere.png,dog\n".encode(),
        "labels.jsonl": '{"path": "cat/1.png", "labels": ["cat", "first"]}\n'
        '{"path": "猫/a b.png", "labels": ["猫"]}\n{"path": "nowhere.png", "labels": []}\n'.encode(),
    }
    source = given(bench, storage, prefix, {**FILES, label_file: content[label_file]})

    dataset, job = imported(bench, source)

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, FILES)
    labels = {path: row["labels"] for path, row in rows(bench, dataset).items() if row["labels"]}
    assert labels == {"cat/1.png": ["cat", "first"], "猫/a b.png": ["猫"]}
    assert job.result is not None
    assert job.result["label_file"] == label_file
    assert any("nowhere.png" in warning for warning in job.result["warnings"])


def test_a_label_file_alone_is_a_dataset_without_files(bench: Workbench, prefix: str) -> None:
    dataset, job = imported(bench, given(bench, "inbox", prefix, {"labels.csv": b"path,labels\n"}))

    assert (job.state, dataset.state, dataset.files) == ("SUCCESS", "READY", 0)


def test_a_prefix_without_an_object_is_an_error_that_names_it(bench: Workbench, prefix: str) -> None:
    error = failed(bench, {"storage": "inbox", "prefix": prefix})

    assert error["code"] == "NOTHING_TO_IMPORT"
    assert repr(prefix) in error["message"]
    assert "'inbox'" in error["message"]


def test_of_a_whole_storage_the_areas_of_ours_are_left_out(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    own = (
        "datasets/x/objects/1",
        "uploads/1/archive",
        "archives/1/archive",
        ".hidden/a",
        "Uploads/a",
        ".dot",
    )
    mine = {"a.txt": b"a", "data/b.txt": b"b", "v/c.txt": b"c", "uploads-2/d.txt": b"d", "v/datasets/e": b"e"}
    bench.keep("shared", {**mine, **dict.fromkeys(own, b"not yours")})

    dataset, job = imported(bench, {"storage": "shared", "prefix": ""}, label_format="folders")

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, mine)
    bench.close()


def test_an_area_of_ours_is_passed_over_without_looking_at_all_of_it() -> None:
    class Counting(MemoryStorage):
        seen = 0

        def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[Any]:
            for info in super().list_objects(prefix, start_after=start_after):
                Counting.seen += 1
                yield info

    storage = Counting()
    for key in (
        "a",
        *(f"datasets/{number}" for number in range(500)),
        "datasets/\U0010ffff0",
        "e",
        "uploads/1",
    ):
        storage.put_if_absent(key, b"")

    assert [info.key for info in source_listing.importable(storage, "")] == ["a", "e"]
    assert Counting.seen < 10


@pytest.mark.parametrize(
    ("names", "code", "entry"),
    [
        (["ok", "a\\..\\..\\b"], "UNSAFE_PATH", "a\\..\\..\\b"),
        (["C:x"], "UNSAFE_PATH", "C:x"),
        (["\\x"], "UNSAFE_PATH", "\\x"),
        ([".. /x"], "UNSAFE_PATH", ".. /x"),
        (["a\nb"], "BAD_NAME", "a\\x0ab"),
        (["/".join("d" * 65)], "BAD_NAME", None),
        (["a\\b", "a/b"], "DUPLICATE", "a/b"),
        (["a", "a/b"], "NAME_COLLISION", "a"),
        (["a", "a\\b"], "NAME_COLLISION", "a"),
        (["labels.csv", "a"], "BAD_LABELS", None),
    ],
)
def test_names_that_no_archive_may_use_are_refused(
    bench: Workbench, prefix: str, names: list[str], code: str, entry: str | None
) -> None:
    error = failed(bench, given(bench, "bucket", prefix, dict.fromkeys(names, b"x")))

    assert error["code"] == code
    assert entry in (None, error["entry"])


def test_backslashes_separate_and_twins_are_a_warning(bench: Workbench, prefix: str) -> None:
    files = {"cat\\1.png": b"1", "cat/A.png": b"2", "cat/a.png": b"3"}

    dataset, job = imported(bench, given(bench, "bucket", prefix, files))

    assert job.state == "SUCCESS", job.error
    check_holds(bench, dataset, {"cat/1.png": b"1", "cat/A.png": b"2", "cat/a.png": b"3"})
    assert job.result is not None
    assert "differ from another only in case" in job.result["warnings"][0]


@pytest.mark.parametrize("size_bytes", [0, 1])
def test_the_empty_objects_that_stand_for_folders_are_no_files(
    bench: Workbench, prefix: str, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    source = given(bench, "bucket", prefix, FILES)
    list_objects = MemoryStorage.list_objects
    moment = datetime.now(UTC)
    markers = [
        ObjectInfo(key=key, size_bytes=size, modified_at=moment)
        for key, size in ((prefix, 0), (f"{prefix}dog/", size_bytes), (f"{prefix}z/", 0))
    ]

    def with_markers(self: MemoryStorage, wanted: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        found = list_objects(self, wanted, start_after=start_after)
        if wanted == prefix:
            return iter(sorted([*found, *markers], key=lambda info: info.key))
        return found

    monkeypatch.setattr(MemoryStorage, "list_objects", with_markers)
    dataset, job = imported(bench, source)

    if size_bytes:
        assert job.error is not None
        assert (job.error["code"], job.error["entry"]) == ("BAD_NAME", "dog/")
    else:
        assert job.state == "SUCCESS", job.error
        check_holds(bench, dataset, FILES)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"entries": 2}, "TOO_MANY"),
        ({"entry_bytes": 9}, "TOO_LARGE"),
        ({"total_bytes": 20}, "TOO_LARGE"),
        ({"index_bytes": 5}, "TOO_LARGE"),
    ],
)
def test_one_more_than_a_limit_is_refused(tmp_path: Path, limits: dict[str, int], code: str) -> None:
    files = {"a.bin": b"0123456789", "b.bin": b"0123456789", "c.bin": b"0"}
    for limit, refused in (
        (LimitSettings(**limits), True),
        (LimitSettings(entries=3, entry_bytes=10), False),
    ):
        bench = Workbench(tmp_path / str(refused), limits=limit)
        source = given(bench, "inbox", "p/", files)
        if refused:
            assert failed(bench, source)["code"] == code
        else:
            assert imported(bench, source)[1].state == "SUCCESS"
        bench.close()


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
    """An engine that gives up its queue after one shard."""
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
    monkeypatch.setattr(prefix_import, "copy_objects", changed_at_once)

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
    """Beside its plan another one is made later, by a planner that was given up and sees one object more."""

    def __init__(self, bench: Workbench, prefix: str) -> None:
        self.__dict__.update(bench.engine().__dict__)
        self._bench, self._key = bench, f"{prefix}a-late.png"

    def _do(self, context: JobContext) -> Any:
        ended = super()._do(context)
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
    monkeypatch.setattr(server_copy, "COPY_BYTES", 500_000)
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
        monkeypatch.setattr(server_copy, "COPY_BYTES", 500_000)
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
