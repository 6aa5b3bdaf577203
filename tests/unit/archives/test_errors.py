"""The error of a rejected archive can be printed, sent and pickled."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from datacenter.archives.errors import ArchiveRejected, escaped_name


@given(st.one_of(st.text(), st.binary()))
def test_an_escaped_name_is_short_and_printable(name: str | bytes) -> None:
    escaped = escaped_name(name)
    assert len(escaped) <= 200
    assert escaped.isprintable()


def test_names_that_mislead_the_eye_are_spelled_out() -> None:
    assert escaped_name("a\u202egpj.exe") == "a\\u202egpj.exe"
    assert escaped_name("a\nb\x00") == "a\\x0ab\\x00"
    assert escaped_name(b"\xff.jpg") == "\\xff.jpg"
    assert escaped_name("图片.jpg") == "图片.jpg"


def test_a_refusal_survives_pickling_between_processes() -> None:
    rejected = ArchiveRejected("BAD_NAME", "a name holds NUL", b"a\0b")
    copy = pickle.loads(pickle.dumps(rejected))
    assert (copy.code, copy.detail, copy.entry) == ("BAD_NAME", "a name holds NUL", "a\\x00b")
    assert str(copy) == str(rejected)
