"""The name under which a browser saves a file."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from datacenter.web.streams import attachment


def test_a_chinese_name_keeps_its_characters_and_has_an_ascii_fallback() -> None:
    header = attachment("数字.zip")
    assert header == "attachment; filename=\"__.zip\"; filename*=UTF-8''%E6%95%B0%E5%AD%97.zip"


def test_a_plain_name_reads_the_same_in_both_forms() -> None:
    assert attachment("digits.zip") == "attachment; filename=\"digits.zip\"; filename*=UTF-8''digits.zip"


def test_a_line_break_never_reaches_the_header() -> None:
    header = attachment('a\r\nSet-Cookie: x="1"')
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2


@given(st.text())
def test_any_name_makes_a_header_that_latin_1_can_carry(name: str) -> None:
    header = attachment(name)
    assert header.encode("ascii").isascii()
    assert header.isprintable()
    assert unquote(header.partition("UTF-8''")[2])
