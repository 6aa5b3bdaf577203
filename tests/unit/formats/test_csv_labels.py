"""Reading labels from CSV."""

import json

import pytest

from datacenter.formats.csv_labels import read_labels
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import LabelLimits


def rows(data: bytes, **options: object) -> list[tuple[str, list[str], object]]:
    table = read_labels([data], **options)  # type: ignore[arg-type]  # the options are those of read_labels
    return [
        (row["path"], row["labels"], None if row["annotation"] is None else json.loads(row["annotation"]))
        for row in table.to_pylist()
    ]


def refused(data: bytes, **options: object) -> LabelsInvalid:
    with pytest.raises(LabelsInvalid) as caught:
        rows(data, **options)
    return caught.value


def test_path_and_label_columns_are_found_by_any_of_their_names() -> None:
    for path in ("path", "file_name", "filename", "file", "image", "File_Name"):
        for label in ("label", "class", "category", "Label"):
            assert rows(f"{label},{path}\ncat,a.png\n".encode()) == [("a.png", ["cat"], None)]


def test_labels_hold_several_between_bars_or_semicolons() -> None:
    assert rows(b"path,labels\na.png,cat | dog\nb.png,cat;dog;\nc.png,\n") == [
        ("a.png", ["cat", "dog"], None),
        ("b.png", ["cat", "dog"], None),
        ("c.png", [], None),
    ]


def test_a_single_label_column_is_never_split() -> None:
    assert rows(b"path,label\na.png,cat|dog\n") == [("a.png", ["cat|dog"], None)]


def test_several_label_columns_are_joined_and_a_label_said_twice_counts_once() -> None:
    assert rows(b"path,labels,class\na.png,cat|dog,cat\n") == [("a.png", ["cat", "dog"], None)]


def test_other_columns_become_the_annotation_without_empty_cells() -> None:
    assert rows(b"path,label,x,y,z\na.png,cat,1,,007\nb.png,cat,,,\n") == [
        ("a.png", ["cat"], {"x": "1", "z": "007"}),
        ("b.png", ["cat"], None),
    ]


def test_an_annotation_column_alone_is_the_annotation_itself() -> None:
    data = b'path,annotation\na.png,"{""x"": [1, 2]}"\nb.png,free text\nc.png,null\nd.png,\n'
    assert [annotation for _, _, annotation in rows(data)] == [{"x": [1, 2]}, "free text", None, None]


def test_json_on_several_lines_of_a_cell_becomes_one_line() -> None:
    data = b'path,annotation\r\na.png,"{\r\n  ""x"": [\n    1\n  ]\n}"\r\n'
    assert read_labels([data])["annotation"].to_pylist() == ['{"x":[1]}']


def test_json_that_is_nested_too_deeply_to_be_written_again_is_refused() -> None:
    error = refused(b"path,annotation\na.png," + b"[" * 500 + b"]" * 500 + b"\n")
    assert (error.code, error.detail) == ("BAD_LABELS", "line 2: the annotation is nested too deeply")


def test_byte_order_mark_crlf_quotes_and_empty_lines_are_understood() -> None:
    data = b'\xef\xbb\xbf"path","label"\r\n\r\n"a, ""b"".png","two words"\r\n'
    assert rows(data) == [('a, "b".png', ["two words"], None)]


def test_the_base_stands_before_every_path() -> None:
    assert rows(b"path\na.png\n./b\\c.png\n", base="digits/") == [
        ("digits/a.png", [], None),
        ("digits/b/c.png", [], None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_names_are_read_in_utf_8_and_in_gb18030(encoding: str) -> None:
    data = "path,label\n" + "".join(f"图片/{n}.png,{label}\n" for n, label in enumerate("马牛羊联通"))
    assert rows(data.encode(encoding)) == [
        (f"图片/{n}.png", [label], None) for n, label in enumerate("马牛羊联通")
    ]


def test_gb18030_is_recognised_although_its_first_line_is_valid_utf_8_by_chance() -> None:
    first = "a.png,茅台".encode("gb18030")
    assert first.decode("utf-8") != "a.png,茅台", "valid in both encodings"
    assert rows(b"path,label\n" + first + b"\n" + "b.png,中文\n".encode("gb18030")) == [
        ("a.png", ["茅台"], None),
        ("b.png", ["中文"], None),
    ]


def test_a_text_in_no_known_encoding_is_refused_with_its_line() -> None:
    error = refused(b"path,label\na.png,cat\nb.png,\xff\xff\n")
    assert error.code == "BAD_LABELS"
    assert "line 3" in error.detail


def test_cells_guarded_against_spreadsheets_are_read_as_they_were() -> None:
    assert rows(b"path,labels\n'=a.png,'@cat|dog\n''-b.png,'quoted'\n") == [
        ("=a.png", ["@cat", "dog"], None),
        ("'-b.png", ["'quoted'"], None),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:\\x",
        "c:x",
        "\\\\host\\share",
        "..\\x",
        "http://host/x",
        "a\x07b",
    ],
)
def test_a_path_that_leaves_the_dataset_is_an_unsafe_reference(path: str) -> None:
    error = refused(f'path,label\nok.png,cat\n"{path}",cat\n'.encode())
    assert error.code == "UNSAFE_REFERENCE"
    assert "line 3" in error.detail
    assert error.entry is not None
    assert error.entry.isprintable()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"name,label\na,b\n", "no column"),
        (b"path,path\na,b\n", "two columns"),
        (b"path,label\na.png\n", "1 cells, but the header has 2"),
        (b"path,label\na.png,b,c\n", "3 cells"),
        (b"path,label\n,cat\n", "path is empty"),
        (b'path,label\na.png,"cat\nb.png,dog\n', "unexpected end"),
        (b"path,label\na.png," + b"x" * 256 + b"\n", "longer than 255 bytes"),
        ("path,label\na.png,a\u2028b\n".encode(), "control character"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(data: bytes, says: str) -> None:
    error = refused(data)
    assert error.code == "BAD_LABELS"
    assert says in error.detail


def test_a_line_a_file_and_a_vocabulary_beyond_their_limits_are_refused() -> None:
    data = b"path,label\n" + b"".join(b"%d.png,class%d\n" % (n, n % 20) for n in range(100))
    assert refused(data, limits=LabelLimits(labels=19)).code == "TOO_MANY_LABELS"
    assert "larger than 1000 bytes" in refused(data, limits=LabelLimits(file_bytes=1000)).detail
    assert "line 2 is longer" in refused(b"path\n" + b"x" * 101, limits=LabelLimits(line_bytes=100)).detail
    assert len(rows(data, limits=LabelLimits(labels=20))) == 100


def test_a_quote_that_never_closes_is_refused_before_it_swallows_the_file() -> None:
    data = b'path,label\n"' + b"a,b\n" * 1_000_000
    assert "field larger" in refused(data).detail
