"""Manifests: rows are read as they were written, sorted streams are merged, and totals match the rows."""

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.jobs.manifests import row, table

from datacenter.datasets.manifest import (
    SCHEMA,
    first_manifest_key,
    group_bounds,
    manifest_key,
    merge_sorted,
    objects_prefix,
    open_rows,
    read_rows,
    regroup,
    write_manifest,
)
from storage_adapters.errors import ObjectMissing
from storage_adapters.object_storage.contract import Storage
from storage_adapters.registry import open_storage

PATHS = st.text(st.sampled_from("ab/.猫\U0001f600é "), min_size=1, max_size=6)
ROWS = st.lists(
    st.builds(
        lambda path, labels, size, annotation: row(
            path, labels, size_bytes=size, length=size, annotation=annotation
        ),
        PATHS,
        st.lists(st.sampled_from(["cat", "dog", "猫"]), unique=True, max_size=3),
        st.integers(0, 2**40),
        st.none() | st.just('{"box":[1,2]}'),
    ),
    max_size=30,
    unique_by=lambda each: each["path"],
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return open_storage("nas", str(tmp_path_factory.mktemp("nas")), {})


@settings(max_examples=30)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_what_is_written_is_what_is_read(
    storage: Storage, rows: list[dict[str, Any]], cuts: list[int]
) -> None:
    whole = table(rows)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    pieces = [whole.slice(first, last - first) for first, last in itertools.pairwise(edges)]

    totals = write_manifest(storage, "m.parquet", pieces)

    read = [each for part in read_rows(storage, "m.parquet") for each in part.to_pylist()]
    assert read == whole.to_pylist()
    assert (totals.files, totals.size_bytes) == (len(rows), sum(each["size_bytes"] for each in rows))
    assert totals.labels == Counter(label for each in rows for label in each["labels"])


@given(st.lists(st.lists(PATHS, max_size=12), max_size=5), st.integers(1, 4))
def test_sorted_streams_become_one_sorted_stream_with_every_row_once(
    streams: list[list[str]], size: int
) -> None:
    def stream(number: int, paths: list[str]) -> Iterator[pa.Table]:
        ordered = sorted(paths, key=str.encode)
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            yield pa.table({"path": pa.array(part, pa.string()), "of": [number] * len(part)})
            yield pa.table({"path": pa.array([], pa.string()), "of": pa.array([], pa.int64())})

    merged = list(merge_sorted(stream(number, paths) for number, paths in enumerate(streams)))

    rows = [(each["path"], each["of"]) for part in merged for each in part.to_pylist()]
    assert [path.encode() for path, _ in rows] == sorted(path.encode() for paths in streams for path in paths)
    assert Counter(rows) == Counter((path, number) for number, paths in enumerate(streams) for path in paths)


@given(st.lists(st.integers(0, 7), max_size=8), st.integers(1, 5))
def test_regrouping_keeps_order_and_gives_full_tables(sizes: list[int], size: int) -> None:
    numbers = list(range(sum(sizes)))
    tables, start = [], 0
    for count in sizes:
        tables.append(pa.table({"n": pa.array(numbers[start : start + count], pa.int64())}))
        start += count

    grouped = list(regroup(tables, size))

    assert [n for part in grouped for n in part["n"].to_pylist()] == numbers
    assert all(part.num_rows == size for part in grouped[:-1])
    assert all(part.num_rows for part in grouped)


def test_a_manifest_without_files_is_a_manifest(storage: Storage) -> None:
    totals = write_manifest(storage, "empty.parquet", [])

    assert (totals.files, totals.size_bytes, totals.labels) == (0, 0, {})
    assert list(read_rows(storage, "empty.parquet")) == []
    with open_rows(storage, "empty.parquet") as file:
        assert file.schema_arrow == SCHEMA
        assert group_bounds(file) == []


def test_row_groups_know_their_least_and_greatest_path(storage: Storage) -> None:
    write_manifest(storage, "m.parquet", [table([row(path) for path in ("a", "b", "猫/1", "\U0001f600")])])

    with open_rows(storage, "m.parquet") as file:
        assert group_bounds(file) == [("a", "\U0001f600")]


def test_a_writer_that_fails_leaves_no_manifest(storage: Storage) -> None:
    def rows() -> Iterator[pa.Table]:
        yield table([row("a")])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_manifest(storage, "half.parquet", rows())

    with pytest.raises(ObjectMissing):
        list(read_rows(storage, "half.parquet"))


def test_two_writers_of_one_version_do_not_meet() -> None:
    assert manifest_key("d", 2, "a") != manifest_key("d", 2, "b")
    assert manifest_key("d", 2, "a").startswith("datasets/d/")


def test_an_object_names_the_manifest_of_the_import_that_made_it() -> None:
    assert first_manifest_key(f"{objects_prefix('d', 'a-0')}000001/1.png") == manifest_key("d", 1, "a-0")
    for other in (manifest_key("d", 1, "a-0"), "archives/d/objects/a-0/1", "v/datasets/d/objects/a-0/1"):
        assert first_manifest_key(other) is None
