"""Tables as Parquet, CSV and JSON lines: what other programs read from them."""

import csv
import io
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.formats.errors import ColumnNotWritable
from datacenter.formats.table_formats import TABLE_FORMATS


def written(table_format: str, *tables: pa.Table) -> bytes:
    """The tables, which have the same columns, as one file."""
    sink = io.BytesIO()
    writer = TABLE_FORMATS[table_format].writer(sink, tables[0].schema)
    for table in tables:
        writer.write(table)
    writer.close()
    return sink.getvalue()


def json_rows(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in data.split(b"\n")[:-1]]


def csv_rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=9), max_size=5)


@given(texts=TEXTS, more=TEXTS)
def test_any_text_is_read_as_it_was(texts: list[str | None], more: list[str | None]) -> None:
    first, second = (
        pa.table({"n": pa.array(range(len(each)), pa.int64()), "t": pa.array(each, pa.string())})
        for each in (texts, more)
    )
    rows = first.to_pylist() + second.to_pylist()

    assert json_rows(written("jsonl", first, second)) == rows
    assert pq.read_table(io.BytesIO(written("parquet", first, second))).to_pylist() == rows
    if not any("\0" in (text or "") for text in texts + more):  # Python's reader rejects NUL
        assert csv_rows(written("csv", first, second)) == [
            ["n", "t"],
            *([str(row["n"]), row["t"] or ""] for row in rows),
        ]


def test_a_name_may_hold_what_the_formats_use_themselves() -> None:
    name = 'a"b,\n{猫}\\'
    table = pa.table({name: [1]})

    assert json_rows(written("jsonl", table)) == [{name: 1}]
    assert csv_rows(written("csv", table)) == [[name], ["1"]]


def test_numbers_that_json_does_not_have_are_text() -> None:
    table = pa.table({"x": [0.1, float("nan"), float("inf"), float("-inf"), None, 1e300]})

    rows = json_rows(written("jsonl", table))

    assert [row["x"] for row in rows] == [0.1, "nan", "inf", "-inf", None, 1e300]


def test_a_null_is_not_an_empty_text_in_csv() -> None:
    assert written("csv", pa.table({"a": ["", None], "b": [1, 2]})) == b'"a","b"\n"",1\n,2\n'


def test_a_column_of_nothing_but_null_is_written() -> None:
    table = pa.table({"a": [1], "nothing": pa.nulls(1)})

    assert json_rows(written("jsonl", table)) == [{"a": 1, "nothing": None}]
    assert written("csv", table) == b'"a","nothing"\n1,\n'


def test_rows_that_were_cut_out_of_others_are_written_alone() -> None:
    table = pa.table({"t": ["a", "b", "c"], "b": [b"1", None, b"\xff"]}).slice(1, 2)

    assert json_rows(written("jsonl", table)) == [{"t": "b", "b": None}, {"t": "c", "b": "/w=="}]
    assert csv_rows(written("csv", table)) == [["t", "b"], ["b", ""], ["c", "/w=="]]


@pytest.mark.parametrize("table_format", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int8()), pa.struct({"x": pa.int8()}), pa.map_(pa.string(), pa.int8())]
)
def test_nested_columns_are_refused_by_name(table_format: str, kind: pa.DataType) -> None:
    with pytest.raises(ColumnNotWritable, match="'boxes'"):
        written(table_format, pa.table({"boxes": pa.nulls(1, kind)}))
