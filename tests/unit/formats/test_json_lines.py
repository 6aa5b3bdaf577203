"""JSON lines of whole columns are the same as lines written one by one."""

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datacenter.formats.jsonl_labels import JsonlWriter
from datacenter.formats.manifest_lines import manifest_lines

TEXT = st.text(max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "path": TEXT,
            "size_bytes": st.integers(0, 2**40),
            "crc32": st.integers(0, 2**32 - 1),
            "media_type": TEXT,
            "labels": st.lists(TEXT, max_size=3),
            "annotation": st.none() | st.just({"box": [1, 2], "名": "\n"}),
            "dataset": TEXT,
            "version": st.integers(1, 9),
            "source_path": TEXT,
        }
    ),
    max_size=8,
)
SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "size_bytes": pa.int64(),
        "crc32": pa.uint32(),
        "media_type": pa.string(),
        "labels": pa.list_(pa.string()),
        "annotation": pa.string(),
        "dataset": pa.string(),
        "version": pa.int32(),
        "source_path": pa.string(),
    }
)


def _batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    texts = [
        row | {"annotation": row["annotation"] and orjson.dumps(row["annotation"]).decode()} for row in rows
    ]
    return pa.RecordBatch.from_pylist(texts, schema=SCHEMA)


@given(ROWS, st.integers(0, 8), st.integers(0, 8))
def test_manifest_lines_of_any_slice_of_rows_are_their_json(rows, start, length):
    batch = _batch(rows).slice(start, length)
    expected = [row | {"crc32": f"{row['crc32']:08x}"} for row in rows[start : start + length]]
    assert [orjson.loads(line) for line in manifest_lines(batch).split(b"\n")[:-1]] == expected
    assert manifest_lines(batch).count(b"\n") == len(expected)


@given(ROWS)
def test_label_lines_are_their_json_and_leave_out_what_is_not_there(rows):
    expected = [
        {name: row[name] for name in ("path", "labels", "annotation") if row[name] is not None}
        for row in rows
    ]
    lines = JsonlWriter().rows(_batch(rows)).split(b"\n")
    assert [orjson.loads(line) for line in lines[:-1]] == expected
    assert lines[-1] == b""


def test_the_bytes_are_compact_and_in_one_order():
    row = {
        "path": 'a "b".txt',
        "size_bytes": 3,
        "crc32": 255,
        "media_type": "text/plain",
        "labels": ["x", "猫"],
        "annotation": None,
        "dataset": "d",
        "version": 2,
    }
    line = manifest_lines(_batch([row | {"source_path": None}]).select(list(row)))
    expected = orjson.dumps(row | {"crc32": "000000ff"}, option=orjson.OPT_APPEND_NEWLINE)
    assert line == expected
