"""Selection: labels select as sets do, and paths of several datasets never collide in an archive."""

from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.jobs.manifests import published, row, table
from support.jobs.workbench import Workbench

from datacenter.datasets.archives import exports
from datacenter.datasets.archives.exports import totals_of
from datacenter.datasets.archives.selection import (
    RESERVED,
    Selection,
    collides,
    folder_names,
    matching,
    selected_rows,
)
from datacenter.datasets.files import has_label
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Dataset

LABELS = ("cat", "dog", "猫", "")
SETS = st.lists(st.sampled_from(LABELS), unique=True, max_size=3)
CONDITIONS = st.builds(
    lambda some, every, none: LabelFilter(any=tuple(some), all=tuple(every), none=tuple(none)),
    SETS,
    SETS,
    SETS,
)


def lets_through(labels: Sequence[str], condition: LabelFilter) -> bool:
    """The same in plain Python."""
    has = set(labels)
    return (
        (not condition.any or bool(has & set(condition.any)))
        and has >= set(condition.all)
        and not has & set(condition.none)
    )


@given(st.lists(SETS, max_size=20), CONDITIONS, st.integers(0, 20), st.integers(0, 20))
def test_a_label_filter_is_set_logic(
    files: list[list[str]], condition: LabelFilter, start: int, length: int
) -> None:
    rows = table([row(f"{number:03d}", labels) for number, labels in enumerate(files)]).slice(start, length)

    found = matching(rows, condition)["path"].to_pylist()

    part = list(enumerate(files))[start : start + length]
    assert found == [f"{number:03d}" for number, labels in part if lets_through(labels, condition)]


@given(st.lists(st.lists(SETS, max_size=5), max_size=4), SETS)
def test_label_masks_do_not_depend_on_how_the_rows_are_chunked(
    chunks: list[list[list[str]]], wanted: list[str]
) -> None:
    kind = pa.list_(pa.string())
    labels = pa.chunked_array([pa.array(chunk, kind) for chunk in chunks], kind)

    mask = has_label(labels, wanted).to_pylist()

    assert mask == [bool(set(each) & set(wanted)) for chunk in chunks for each in chunk]


def select(bench: Workbench, *datasets: Dataset, labels: LabelFilter | None = None) -> Selection:
    with bench.database.reading() as session:
        return exports.select_versions(
            session,
            bench.project_id,
            [(dataset.id, None) for dataset in datasets],
            labels or LabelFilter(),
        )


def paths_of(bench: Workbench, selection: Selection) -> list[str]:
    return [path for part in selected_rows(bench.resources, selection) for path in part["path"].to_pylist()]


def test_paths_that_do_not_meet_stay_as_they_are(bench: Workbench) -> None:
    one, two = published(bench, {"b": [], "d/x": []}), published(bench, {"a": [], "c": []})

    assert paths_of(bench, select(bench, one, two)) == ["a", "b", "c", "d/x"]


def test_if_one_path_meets_another_every_file_goes_into_its_datasets_folder(bench: Workbench) -> None:
    one = published(bench, {"same": [], "one": []}, "pets")
    two = published(bench, {"same": [], "two": []}, "pets-2")

    selection = select(bench, one, two)

    assert paths_of(bench, selection) == ["pets-2/same", "pets-2/two", "pets/one", "pets/same"]
    sources = [
        each for part in selected_rows(bench.resources, selection) for each in part["source_path"].to_pylist()
    ]
    assert sources == ["same", "two", "one", "same"]


def test_only_selected_files_can_meet(bench: Workbench) -> None:
    one = published(bench, {"same": ["cat"], "one": ["dog"]})
    two = published(bench, {"same": ["cat"], "two": ["dog"]})

    assert paths_of(bench, select(bench, one, two, labels=LabelFilter(none=("cat",)))) == ["one", "two"]


@pytest.mark.parametrize("files", [("a", "a/b"), ("a", "a!", "a/b"), ("x/y", "x/y.z", "x/y/z/w")])
def test_a_file_that_is_a_folder_elsewhere_meets_it(bench: Workbench, files: tuple[str, ...]) -> None:
    one, two = published(bench, {files[0]: []}), published(bench, {key: [] for key in files[1:]})

    assert collides(bench.resources, select(bench, one, two))


@pytest.mark.parametrize("path", [*RESERVED, f"{RESERVED[0]}/image.png"])
def test_a_file_named_like_the_archives_own_lists_makes_room(bench: Workbench, path: str) -> None:
    dataset = published(bench, {path: [], "a": []})

    assert paths_of(bench, select(bench, dataset)) == [f"{dataset.name}/a", f"{dataset.name}/{path}"]


def test_a_list_in_a_folder_is_an_ordinary_file(bench: Workbench) -> None:
    dataset = published(bench, {"deep/labels.csv": []})

    assert paths_of(bench, select(bench, dataset)) == ["deep/labels.csv"]


PATHS = st.lists(st.text(st.sampled_from("ab/"), min_size=1, max_size=5), unique=True, max_size=6)


@settings(max_examples=25)
@given(st.lists(PATHS, min_size=2, max_size=3))
def test_meeting_is_what_comparing_every_pair_says(bench: Workbench, datasets: list[list[str]]) -> None:
    made = [published(bench, {key: [] for key in paths}) for paths in datasets]
    selection = select(bench, *made)

    every = [(number, path) for number, paths in enumerate(datasets) for path in paths]
    # Within one dataset an import refuses such paths; here they may collide, too.
    expected = any(
        (one == other or other.startswith(f"{one}/"))
        for number, one in every
        for other_number, other in every
        if (number, one) != (other_number, other)
    )
    assert collides(bench.resources, selection) == expected
    paths = [path.encode() for path in paths_of(bench, selection)]
    assert all(before < after for before, after in pairwise(paths)), "in order, and nothing twice"


def test_totals_count_what_is_selected(bench: Workbench) -> None:
    one = published(bench, {"one": ["cat"], "two22": ["cat", "dog"], "three": []})

    totals = totals_of(bench.resources, select(bench, one, labels=LabelFilter(any=("cat",))))

    assert (totals.files, totals.size_bytes, totals.labels) == (2, 8, {"cat": 2, "dog": 1})


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_folders_are_safe_segments_and_all_different(names: list[str]) -> None:
    folders = folder_names(names, RESERVED)

    assert set(folders) == set(names)
    for folder in folders.values():
        assert folder not in ("", ".", "..", *RESERVED)
        assert not set(folder) & set("/\\:")
        assert len(folder.encode()) <= 255
        assert folder == folder.rstrip(" .")
    assert len({folder.casefold() for folder in folders.values()}) == len(names)


def test_folders_keep_plain_names_and_number_what_would_be_the_same() -> None:
    assert folder_names(["pets", "猫"], RESERVED) == {"pets": "pets", "猫": "猫"}
    assert folder_names(["a/b", "a_b", "A_b"], RESERVED) == {"A_b": "A_b", "a/b": "a_b-2", "a_b": "a_b-3"}
    assert folder_names(["..", "labels.csv"], RESERVED) == {"..": "dataset", "labels.csv": "labels.csv-2"}
