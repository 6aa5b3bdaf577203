"""Finding the label file among the files of a dataset."""

import pyarrow as pa
import pytest

from datacenter.formats.detect import LabelFile, find_label_file
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.registry import ANNOUNCED, imported_formats


def found(*paths: str, wanted: str | None = None) -> LabelFile | None:
    return find_label_file(pa.array(paths, pa.string()), wanted)


def test_a_label_file_at_the_root_is_found_in_a_fixed_order() -> None:
    assert found("a/1", "metadata.csv", "labels.csv") == LabelFile(format="csv", path="labels.csv", base="")
    assert found("labels.csv", "labels.jsonl", "a/1") == LabelFile(
        format="jsonl", path="labels.jsonl", base=""
    )
    assert found("metadata.jsonl", "labels.csv") == LabelFile(format="csv", path="labels.csv", base="")


def test_in_a_single_top_folder_its_paths_are_relative_to_that_folder() -> None:
    expected = LabelFile(format="csv", path="digits/labels.csv", base="digits/")
    assert found("digits/0/1.png", "digits/labels.csv") == expected
    assert found("digits/0/1.png", "digits/labels.csv", "other.txt") is None
    assert found("digits/0/1.png", "digits/deep/labels.csv") is None


def test_a_named_format_counts_alone() -> None:
    assert found("labels.jsonl", "labels.csv", wanted="csv") == LabelFile(
        format="csv", path="labels.csv", base=""
    )
    assert found("labels.jsonl", "labels.csv", wanted="folders") is None
    assert found(wanted=None) is None


def test_a_named_format_without_its_file_is_refused_naming_what_was_looked_for() -> None:
    with pytest.raises(LabelsInvalid, match=r"labels\.csv or metadata\.csv") as caught:
        found("labels.jsonl", "a/1.png", wanted="csv")
    assert caught.value.code == "BAD_LABELS"


@pytest.mark.parametrize("wanted", [*(name for name in ANNOUNCED if name not in imported_formats()), "other"])
def test_a_format_that_is_not_supported_is_refused_naming_those_that_are(wanted: str) -> None:
    known = ", ".join(imported_formats())
    with pytest.raises(LabelsInvalid, match=f"not supported yet; use one of {known}") as caught:
        found("a/1.png", wanted=wanted)
    assert (caught.value.code, caught.value.entry) == ("BAD_LABELS", wanted)
