"""Cursors: accepted unchanged, rejected when changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.errors import Invalid
from datacenter.web.pages import Cursors

LIST = Cursors(secret="s" * 32, list_name="files/1")


@given(st.text())
def test_a_cursor_gives_its_position_back(position: str) -> None:
    assert LIST.read(LIST.write(position)) == position


@given(st.text(min_size=1), st.integers(0), st.sampled_from("AB_-9"))
def test_an_altered_cursor_is_refused(position: str, place: int, character: str) -> None:
    cursor = LIST.write(position)
    at = place % len(cursor)
    altered = cursor[:at] + character + cursor[at + 1 :]
    if altered == cursor:
        return
    with pytest.raises(Invalid):
        LIST.read(altered)


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", "AAAA", "\x00", "é" * 20])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        LIST.read(cursor)


def test_a_cursor_of_another_list_or_another_installation_is_refused() -> None:
    cursor = LIST.write("a")
    for other in (
        Cursors(secret="s" * 32, list_name="files/2"),
        Cursors(secret="t" * 32, list_name="files/1"),
    ):
        with pytest.raises(Invalid):
            other.read(cursor)


def test_a_full_page_names_the_next_and_the_last_page_does_not() -> None:
    full = LIST.page(["a", "b", "c"], 2, str, ["a", "b"])
    last = LIST.page(["c"], 2, str, ["c"])
    assert full.items == ["a", "b"]
    assert LIST.read(full.next) == "b"
    assert last.next is None
