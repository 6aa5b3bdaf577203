"""Giving files the labels of a label table."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datacenter.formats.apply import LabelJoin
from datacenter.formats.label_table import LABEL_SCHEMA

Row = tuple[str, list[str], str | None]


def table(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(
        [{"path": path, "labels": labels, "annotation": text} for path, labels, text in rows],
        schema=LABEL_SCHEMA,
    )


def test_files_the_table_does_not_name_have_no_labels_and_unknown_paths_are_counted() -> None:
    join = LabelJoin(table(("x", ["1"], None), ("c", ["2", "3"], "{}"), ("y", [], None), ("b", [], "1")))
    labels, annotations = join.apply(pa.array(["a", "b", "c"]))
    assert labels.to_pylist() == [[], [], ["2", "3"]]
    assert annotations.to_pylist() == [None, "1", "{}"]
    assert (join.unknown, join.first_unknown, join.duplicates) == (2, "x", 0)


def test_rows_of_one_path_are_joined_and_several_annotations_become_an_array() -> None:
    join = LabelJoin(
        table(
            ("a", ["cat"], '{"box":1}'),
            ("b", ["dog"], None),
            ("a", ["dog", "cat"], '{"box":2}'),
            ("b", [], '"x"'),
            ("a", [], None),
        )
    )
    labels, annotations = join.apply(pa.array(["b", "a", "c"]))
    assert labels.to_pylist() == [["dog"], ["cat", "dog"], []]
    assert annotations.to_pylist() == ['"x"', '[{"box":1},{"box":2}]', None]
    assert (join.unknown, join.first_unknown, join.duplicates) == (0, None, 3)


def test_an_empty_table_and_no_files_are_fine() -> None:
    join = LabelJoin(table(("a", ["x"], None)))
    join.apply(pa.array([], pa.string()))
    assert join.unknown == 1
    labels, _ = LabelJoin(table()).apply(pa.array(["a"]))
    assert labels.to_pylist() == [[]]


rows = st.tuples(
    st.sampled_from("abcdef"),
    st.lists(st.sampled_from(["cat", "dog", "马"]), max_size=3, unique=True),
    st.none() | st.integers(0, 9).map(str),
)


@given(
    given_rows=st.lists(rows, max_size=12), files=st.sets(st.sampled_from("abcdefgh")), cut=st.integers(0, 8)
)
def test_applying_in_batches_agrees_with_a_plain_loop(
    given_rows: list[Row], files: set[str], cut: int
) -> None:
    paths = sorted(files)
    join = LabelJoin(table(*given_rows))
    parts = [join.apply(pa.array(part, pa.string())) for part in (paths[:cut], paths[cut:])]

    labels: dict[str, dict[str, None]] = {}
    annotations: dict[str, list[int]] = {}
    for path, names, annotation in given_rows:
        labels.setdefault(path, {}).update(dict.fromkeys(names))
        annotations.setdefault(path, []).extend([] if annotation is None else [json.loads(annotation)])
    texts = [text for _, part in parts for text in part.to_pylist()]
    assert [names for part, _ in parts for names in part.to_pylist()] == [
        list(labels.get(path, {})) for path in paths
    ]
    expected = [annotations.get(path, []) for path in paths]
    assert [None if text is None else json.loads(text) for text in texts] == [
        None if not values else values[0] if len(values) == 1 else values for values in expected
    ]
    unknown = [path for path in labels if path not in files]
    assert (join.unknown, join.first_unknown) == (len(unknown), unknown[0] if unknown else None)
    assert join.duplicates == sum(path in files for path, _, _ in given_rows) - len(files & labels.keys())
