"""Files of a version: listed page by page in path order, by prefix and label, in any language, and read by range."""

from collections.abc import Iterable, Iterator

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.jobs.manifests import published, row, table
from support.jobs.workbench import Workbench

from datacenter.datasets import files
from datacenter.datasets.files import FileEntry, FilePage
from datacenter.datasets.manifest import manifest_key, write_manifest
from datacenter.datasets.models import Dataset, DatasetVersion
from datacenter.datasets.records import find_version
from datacenter.errors import NotFound
from storage_adapters.nas.storage import NasStorage
from storage_adapters.object_storage.contract import ByteRange

MIB = 1 << 20
FILES = {
    "cat/1.png": ["cat"],
    "cat/2.png": ["cat", "indoor"],
    "dog/1.png": ["dog"],
    "dogs.txt": [],
    "猫/一.png": ["猫"],
    "猫/二.png": ["猫", "indoor"],
    "\U0001f600.png": [],
}
ORDER = sorted(FILES, key=str.encode)


@pytest.fixture(scope="module")
def made(bench: Workbench) -> tuple[Dataset, DatasetVersion]:
    dataset = published(bench, FILES)
    with bench.database.reading() as session:
        return find_version(session, bench.project_id, dataset.id)


def listed(bench: Workbench, made: tuple[Dataset, DatasetVersion], **options: object) -> list[FileEntry]:
    return page_of(bench, made, **options).entries


def page_of(bench: Workbench, made: tuple[Dataset, DatasetVersion], **options: object) -> FilePage:
    return files.list_files(bench.resources, *made, **{"limit": 100, **options})  # type: ignore[arg-type]  # checked by the tests


def test_files_come_in_the_order_of_their_paths(
    bench: Workbench, made: tuple[Dataset, DatasetVersion]
) -> None:
    assert [entry.path for entry in listed(bench, made)] == ORDER


@settings(max_examples=20)
@given(
    limit=st.integers(1, 4),
    prefix=st.sampled_from(["", "cat/", "c", "dog", "猫/", "猫/二", "\U0001f600", "zzz"]),
    label=st.sampled_from([None, "cat", "indoor", "猫", "none"]),
)
def test_pages_put_together_are_the_whole_list(
    bench: Workbench, made: tuple[Dataset, DatasetVersion], limit: int, prefix: str, label: str | None
) -> None:
    found: list[str] = []
    while page := listed(
        bench, made, prefix=prefix, label=label, limit=limit, after_path=found[-1] if found else ""
    ):
        assert len(page) <= limit
        found += [entry.path for entry in page]

    expected = [path for path in ORDER if path.startswith(prefix) and (label is None or label in FILES[path])]
    assert found == expected


def test_a_list_over_many_row_groups_is_the_same(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datacenter.datasets.manifest.regroup", lambda rows, size=2: _in_twos(rows))
    dataset = published(bench, {f"{number:02d}": ["even"] if number % 2 == 0 else [] for number in range(15)})
    with bench.database.reading() as session:
        version = find_version(session, bench.project_id, dataset.id)

    evens = listed(bench, version, label="even", after_path="03", limit=3)

    assert [entry.path for entry in evens] == ["04", "06", "08"]
    assert [entry.path for entry in listed(bench, version, prefix="1")] == ["10", "11", "12", "13", "14"]
    assert files.find_file(bench.resources, *version, "09").labels == []


@pytest.fixture(scope="module")
def annotated(bench: Workbench) -> tuple[Dataset, DatasetVersion]:
    """A dataset whose every second file has an annotation of a MiB."""
    dataset = published(bench, {})
    annotations = [
        orjson.dumps({"n": number, "x": "x" * MIB}).decode() if number % 2 else None for number in range(40)
    ]
    rows = table([row(f"{n:03d}", ["odd"] if n % 2 else [], annotation=a) for n, a in enumerate(annotations)])
    key = manifest_key(dataset.id, 2, "annotated")
    write_manifest(bench.resources.storages.open("default"), key, [rows])
    return dataset, DatasetVersion(dataset_id=dataset.id, version=2, manifest_key=key)


def test_a_page_ends_behind_some_mib_of_annotations_and_the_next_goes_on(
    bench: Workbench, annotated: tuple[Dataset, DatasetVersion]
) -> None:
    found: list[FileEntry] = []
    more = True
    while more:
        page = page_of(bench, annotated, after_path=found[-1].path if found else "", limit=1000)
        size_bytes = sum(len(entry.annotation or "") for entry in page.entries)
        assert 0 < size_bytes <= files.PAGE_BYTES + 2 * MIB
        found, more = found + page.entries, page.more

    assert [entry.path for entry in found] == [f"{n:03d}" for n in range(40)]
    assert [entry.annotation and orjson.loads(entry.annotation)["n"] for entry in found[:4]] == [
        None,
        1,
        None,
        3,
    ]


def test_an_annotation_longer_than_a_page_is_a_page(
    bench: Workbench, annotated: tuple[Dataset, DatasetVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE_BYTES", 10)

    page = page_of(bench, annotated, label="odd", after_path="004")

    assert ([entry.path for entry in page.entries], page.more) == (["005"], True)


def test_the_last_page_says_so(bench: Workbench, made: tuple[Dataset, DatasetVersion]) -> None:
    assert page_of(bench, made, limit=len(ORDER) - 1).more
    assert not page_of(bench, made, limit=len(ORDER)).more


def test_reading_a_file_reads_no_annotation(
    bench: Workbench, annotated: tuple[Dataset, DatasetVersion]
) -> None:
    assert files.find_file(bench.resources, *annotated, "001").annotation is None


def _in_twos(rows):  # type: ignore[no-untyped-def]  # stands in for a typed one
    for whole in rows:
        for start in range(0, whole.num_rows, 2):
            yield whole.slice(start, 2)


def test_a_file_is_found_with_all_that_is_known_of_it(
    bench: Workbench, made: tuple[Dataset, DatasetVersion]
) -> None:
    entry = files.find_file(bench.resources, *made, "猫/二.png")

    assert entry.labels == ["猫", "indoor"]
    assert entry.size_bytes == len("猫/二.png".encode())
    assert entry.annotation is None


@pytest.mark.parametrize("path", ["cat", "cat/", "cat/3.png", "", "zzz", "../cat/1.png"])
def test_a_path_that_the_dataset_does_not_have_is_not_found(
    bench: Workbench, made: tuple[Dataset, DatasetVersion], path: str
) -> None:
    with pytest.raises(NotFound):
        files.find_file(bench.resources, *made, path)


@given(st.data())
def test_any_range_of_a_file_is_read(
    bench: Workbench, made: tuple[Dataset, DatasetVersion], data: st.DataObject
) -> None:
    content = "猫/一.png".encode()
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))

    entry = files.find_file(bench.resources, *made, "猫/一.png")
    found = b"".join(files.read_file(bench.resources, made[0], entry, start, stop))

    assert found == content[start:stop]


def test_the_manifest_itself_can_be_read(bench: Workbench, made: tuple[Dataset, DatasetVersion]) -> None:
    size = files.manifest_bytes(bench.resources, *made)

    data = b"".join(files.read_manifest(bench.resources, *made, 0, size))
    assert len(data) == size
    assert data[:4] == data[-4:] == b"PAR1"


def test_a_range_of_the_manifest_reads_no_other_bytes(
    bench: Workbench, made: tuple[Dataset, DatasetVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = files.manifest_bytes(bench.resources, *made)
    read_ranges, asked = NasStorage.read_ranges, []

    def counting(storage: NasStorage, ranges: Iterable[ByteRange]) -> Iterator[bytes]:
        wanted = list(ranges)
        asked.extend(wanted)
        return read_ranges(storage, wanted)

    monkeypatch.setattr(NasStorage, "read_ranges", counting)

    assert b"".join(files.read_manifest(bench.resources, *made, size - 4, size)) == b"PAR1"
    assert sum(each.length for each in asked) == 4


def test_a_dataset_without_files_lists_nothing(bench: Workbench) -> None:
    dataset = published(bench, {})
    with bench.database.reading() as session:
        version = find_version(session, bench.project_id, dataset.id)

    assert listed(bench, version) == []
    assert listed(bench, version, label="cat", prefix="x") == []
