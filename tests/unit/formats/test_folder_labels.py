"""Labels from folders."""

import time

import pyarrow as pa
import pytest

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.folders import folder_labels


def test_the_folder_that_directly_holds_a_file_is_its_label() -> None:
    paths = pa.array(["readme.txt", "cat/1.png", "train/dog/2.png", "a/b/c/d/马/3.png", "cat/4.png"])
    assert folder_labels(paths).to_pylist() == [[], ["cat"], ["dog"], ["马"], ["cat"]]


def test_no_files_have_no_labels() -> None:
    assert folder_labels(pa.array([], pa.string())).to_pylist() == []


def test_a_slice_of_a_larger_batch_gives_the_labels_of_its_own_rows() -> None:
    paths = pa.array(["x/1", "y/2", "z/3", "4"]).slice(1, 2)
    assert folder_labels(paths).to_pylist() == [["y"], ["z"]]


def test_a_folder_name_too_long_for_a_label_is_refused_by_name() -> None:
    with pytest.raises(LabelsInvalid) as caught:
        folder_labels(pa.array(["ok/1.png", "马" * 86 + "/2.png"]))
    assert caught.value.code == "BAD_LABELS"
    assert caught.value.entry == "马" * 86


def test_a_million_paths_take_less_than_a_second_of_cpu() -> None:
    paths = pa.array([f"train/class_{n % 1000}/image_{n:07}.png" for n in range(1_000_000)])
    began = time.process_time()
    labels = folder_labels(paths)
    assert time.process_time() - began < 1
    assert labels[999_999].as_py() == ["class_999"]
