"""Import from a prefix: which objects become files, and which are refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.jobs.prefix_imports import FILES, KEPT_AT, check_holds, failed, given, imported, rows
from support.jobs.workbench import Workbench
from support.storages.memory import MemoryStorage

from datacenter.settings.model import LimitSettings
from jobs.importing import source_listing
from storage_adapters.object_storage.contract import NewObject, ObjectInfo


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
    keys = (
        "a",
        *(f"datasets/{number}" for number in range(500)),
        "datasets/\U0010ffff0",
        "e",
        "uploads/1",
    )
    list(storage.put_many(NewObject(key=key, data=b"") for key in keys))

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
