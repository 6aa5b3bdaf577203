"""Ranges: which bytes a request asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from datacenter.web.streams import ByteSpan, Unsatisfiable, is_known, parse_range, requested_span

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=90-1000", 90, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-1000", 0, 100),
        ("Bytes = 5-6 ", 5, 7),
    ],
)
def test_one_range_selects_its_bytes(text: str, start: int, stop: int) -> None:
    assert parse_range(text, 100) == ByteSpan(start=start, stop=stop)


@pytest.mark.parametrize(
    "text",
    [
        "bytes=0-1,5-6",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=1",
        "items=0-1",
        "",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=" + "9" * 5000 + "-",
        "bytes=٣-٤",
    ],
)
def test_what_is_not_one_range_is_answered_with_the_whole(text: str) -> None:
    assert parse_range(text, 100) is None


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_without_bytes_is_refused(text: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(text, 100)


def test_every_range_of_an_empty_object_is_refused() -> None:
    for text in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(Unsatisfiable):
            parse_range(text, 0)


@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]*-[0-9]*", fullmatch=True), st.integers(0, 1 << 45))
def test_a_span_always_lies_inside_the_object(text: str, size_bytes: int) -> None:
    try:
        span = parse_range(text, size_bytes)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.start < span.stop <= size_bytes


@pytest.mark.parametrize("condition", ['"other"', 'W/"abc"', "Mon, 23 Nov 2026 09:00:00 GMT"])
def test_if_range_with_another_state_asks_for_the_whole(condition: str) -> None:
    headers = Headers({"range": "bytes=0-1", "if-range": condition})
    assert requested_span(headers, size_bytes=10, etag=ETAG) is None


def test_if_range_with_this_state_asks_for_the_range() -> None:
    headers = Headers({"range": "bytes=0-1", "if-range": ETAG})
    assert requested_span(headers, size_bytes=10, etag=ETAG) == ByteSpan(start=0, stop=2)


@pytest.mark.parametrize("header", [ETAG, "*", f'"x", {ETAG}', f"W/{ETAG}"])
def test_if_none_match_knows_this_state(header: str) -> None:
    assert is_known(Headers({"if-none-match": header}), ETAG)


def test_if_none_match_does_not_know_another_state() -> None:
    assert not is_known(Headers({"if-none-match": '"x"'}), ETAG)
    assert not is_known(Headers({}), ETAG)
