"""Reading labels from JSONL."""

import json

import pytest

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.jsonl_labels import read_labels
from datacenter.formats.label_rules import LabelLimits


def one(**record: object) -> tuple[str, list[str], object]:
    (row,) = read_labels([json.dumps(record).encode()]).to_pylist()
    annotation = row["annotation"]
    return row["path"], row["labels"], None if annotation is None else json.loads(annotation)


def refused(data: bytes, limits: LabelLimits | None = None) -> LabelsInvalid:
    with pytest.raises(LabelsInvalid) as caught:
        read_labels([data], limits=limits or LabelLimits())
    return caught.value


def test_a_label_is_a_text_a_whole_number_a_list_or_nothing() -> None:
    assert one(path="a", label="cat") == ("a", ["cat"], None)
    assert one(path="a", labels=["cat", " dog ", "cat"]) == ("a", ["cat", "dog"], None)
    assert one(path="a", label=7) == ("a", ["7"], None)
    assert one(file_name="a", labels=[], label=None) == ("a", [], None)
    assert one(path="a") == ("a", [], None)


def test_an_annotation_is_any_value_and_other_keys_are_kept_in_an_object() -> None:
    assert one(path="a", annotation=[1, {"x": None}])[2] == [1, {"x": None}]
    assert one(path="a", annotation=None)[2] is None
    assert one(path="a", caption="a cat", box=[1, 2])[2] == {"caption": "a cat", "box": [1, 2]}
    assert one(path="a", annotation=1, box=2)[2] == {"annotation": 1, "box": 2}
    assert one(path="a", image="other.png")[2] == {"image": "other.png"}


def test_chunks_may_be_cut_anywhere_and_empty_lines_do_not_count() -> None:
    data = '\ufeff{"path": "一.png", "label": "马"}\r\n\n  \n{"path": "二.png", "label": "牛"}'.encode()
    table = read_labels([data[n : n + 1] for n in range(len(data))], base="top/")
    assert table["path"].to_pylist() == ["top/一.png", "top/二.png"]
    assert table["labels"].to_pylist() == [["马"], ["牛"]]


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (b"{", "BAD_LABELS", "line 2 is not JSON"),
        (b"[1]", "BAD_LABELS", "not a JSON object"),
        (b'{"label": "cat"}', "BAD_LABELS", "no path; it must be a text"),
        (b'{"path": 5}', "BAD_LABELS", "no path; it must be a text"),
        (b'{"path": "a", "label": 1.5}', "BAD_LABELS", "neither text nor a whole number"),
        (b'{"path": "a", "labels": [null]}', "BAD_LABELS", "neither text nor a whole number"),
        (b'{"path": "a", "label": {"x": 1}}', "BAD_LABELS", "neither text nor a whole number"),
        (b'{"path": "a", "label": " "}', "BAD_LABELS", "empty"),
        (b'{"path": "a", "label": "a\\u0000b"}', "BAD_LABELS", "control character"),
        (b'{"path": "\xd6\xd0"}', "BAD_LABELS", "not JSON in UTF-8"),
        (b'{"path": "a", "x": ' + b"[" * 300 + b"]" * 300 + b"}", "BAD_LABELS", "nested too deeply"),
        (b'{"path": "a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", "BAD_LABELS", "not JSON"),
        (b'{"path": "../../etc/passwd"}', "UNSAFE_REFERENCE", "leaves the dataset"),
        (b'{"path": "a\\u0000b"}', "UNSAFE_REFERENCE", "control character"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_the_reason(line: bytes, code: str, says: str) -> None:
    error = refused(b'{"path": "ok"}\n' + line + b"\n")
    assert error.code == code
    assert "line 2" in error.detail
    assert says in error.detail
    assert error.entry is None or len(error.entry) <= 200


def test_a_line_beyond_its_limit_is_refused_before_it_ends() -> None:
    assert "line 2 is longer than 100" in refused(b"\n" + b" " * 101, LabelLimits(line_bytes=100)).detail


def test_more_rows_than_one_batch_holds_come_out_in_order() -> None:
    data = b"".join(b'{"path": "%d", "label": %d}\n' % (n, n % 7) for n in range(40_000))
    table = read_labels([data])
    assert table["path"].to_pylist() == [str(n) for n in range(40_000)]
    assert table["labels"][39_999].as_py() == [str(39_999 % 7)]
