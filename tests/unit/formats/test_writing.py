"""Writing labels, and reading back what was written."""

import csv
import io
import json
import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.formats.csv_labels import guarded, unguarded
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import broken_rule
from datacenter.formats.label_table import LABEL_SCHEMA
from datacenter.formats.manifest_lines import manifest_lines
from datacenter.formats.registry import FORMATS, reader_for, writer_for

Row = tuple[str, list[str], object]

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=12)
signs = st.text("=+-@'|;[],\"\\ {}:", min_size=1, max_size=6)
labels = (texts | signs).map(str.strip).filter(lambda label: broken_rule(label) is None)
segments = (texts | st.text("=+-@'|;,\" ", min_size=1)).filter(
    lambda name: not set(name) & set("/\\:") and name not in (".", "..")
)
paths = st.lists(segments, min_size=1, max_size=3).map("/".join)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(st.tuples(paths, st.lists(labels, unique=True, max_size=4), values), max_size=6)


def batch(given_rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {"path": path, "labels": names, "annotation": None if value is None else json.dumps(value)}
            for path, names, value in given_rows
        ],
        schema=LABEL_SCHEMA,
    )


@pytest.mark.parametrize("name", FORMATS)
@given(given_rows=rows, cut=st.integers(0, 6))
def test_what_a_writer_writes_its_reader_reads_back_exactly(
    name: str, given_rows: list[Row], cut: int
) -> None:
    writer = writer_for(name)
    whole = batch(given_rows)
    data = writer.head() + writer.rows(whole) + writer.tail()
    assert (
        data
        == writer.head() + writer.rows(whole.slice(0, cut)) + writer.rows(whole.slice(cut)) + writer.tail()
    )
    table = reader_for(name)([data])
    assert [
        (row["path"], row["labels"], None if row["annotation"] is None else json.loads(row["annotation"]))
        for row in table.to_pylist()
    ] == given_rows


@given(cell=st.text("'=+-@\t\rab", max_size=6))
def test_a_guarded_cell_never_begins_as_a_formula_and_comes_back_as_it_was(cell: str) -> None:
    written = guarded(cell)
    assert written[:1] not in set("=+-@\t\r")
    assert unguarded(written) == cell


def test_a_csv_opens_in_other_programs_as_people_expect() -> None:
    data = writer_for("csv").head() + writer_for("csv").rows(
        batch([("=cmd.png", ["cat", "dog"], {"x": 1}), ("b.png", ["a|b"], None), ("c.png", [], -5)])
    )
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) == [
        ["path", "labels", "annotation"],
        ["'=cmd.png", "cat|dog", '{"x": 1}'],
        ["b.png", '["a|b"]', ""],
        ["c.png", "", "'-5"],
    ]


@pytest.mark.parametrize(("name", "filename"), [("jsonl", "labels.jsonl"), ("csv", "labels.csv")])
def test_an_import_looks_first_for_the_file_that_an_export_writes(name: str, filename: str) -> None:
    assert writer_for(name).filename == filename == FORMATS[name].filenames[0]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(LabelsInvalid, match="not supported yet"):
        writer_for("papyrus")


def manifest_batch(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "path": [f"train/class/图片_{n:07}.png" for n in range(count)],
            "size_bytes": pa.array(range(count), pa.int64()),
            "crc32": pa.array(range(count), pa.uint32()),
            "media_type": ["image/png"] * count,
            "labels": pa.array([["cat", f"class {n % 100}"] for n in range(count)], pa.list_(pa.string())),
            "annotation": pa.array(['{"box": [1, 2]}' if n % 2 else None for n in range(count)], pa.string()),
            "dataset": ["digits"] * count,
            "version": pa.array([3] * count, pa.int32()),
        }
    )


def test_manifest_lines_say_what_every_file_is_and_where_it_is_from() -> None:
    lines = manifest_lines(manifest_batch(2)).decode().splitlines()
    assert json.loads(lines[1]) == {
        "path": "train/class/图片_0000001.png",
        "size_bytes": 1,
        "crc32": "00000001",
        "media_type": "image/png",
        "labels": ["cat", "class 1"],
        "annotation": {"box": [1, 2]},
        "dataset": "digits",
        "version": 3,
    }
    assert json.loads(lines[0])["annotation"] is None


def test_manifest_lines_name_the_source_where_a_file_was_renamed() -> None:
    renamed = manifest_batch(1).append_column("source_path", pa.array(["old.png"]))
    assert json.loads(manifest_lines(renamed))["source_path"] == "old.png"


def test_writing_takes_a_few_microseconds_a_row() -> None:
    whole = manifest_batch(50_000)
    began = time.process_time()
    manifest_lines(whole)
    middle = time.process_time()
    writer_for("jsonl").rows(whole.select(["path", "labels", "annotation"]))
    ended = time.process_time()
    # About 2 and 1 µs on an idle machine; the bound only catches an order of magnitude.
    assert (middle - began) / 50_000 < 10e-6
    assert (ended - middle) / 50_000 < 10e-6
