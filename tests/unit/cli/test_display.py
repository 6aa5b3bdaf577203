"""Values as people read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from datacenter.cli.display import ago, cut, duration, label_names, safe, size

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1048575, "1.0 MiB"),
        (1536 << 20, "1.5 GiB"),
        (5 << 60, "5120.0 PiB"),
        (None, "?"),
    ],
)
def test_sizes_are_short_and_in_binary_units(size_bytes, text):
    assert size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86400 * 3, "3 d ago"),
        (86400 * 800, "2 y ago"),
        (-86399, "in 24 h"),
    ],
)
def test_times_are_told_by_their_distance(seconds, text):
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_name_two_units_at_most(seconds, text):
    assert duration(seconds) == text


def test_characters_that_steer_a_terminal_are_shown_as_escapes():
    assert safe("a\x1b[31mred\nb\u202e数字") == "a\\x1b[31mred\\nb\\u202e数字"


def test_a_long_name_is_cut_in_the_middle():
    assert cut("abcdefghij", 7) == "abc…hij"
    assert cut("abcdefghij", 10) == "abcdefghij"


@given(text=st.text(alphabet="aé数字🎉", max_size=30), cells=st.integers(1, 40))
def test_a_cut_name_never_takes_more_cells_than_it_may(text, cells):
    assert cell_len(cut(text, cells)) <= cells


def test_the_most_frequent_labels_are_named_first():
    assert label_names({"a": 1, "b": 5, "c": 3, "d": 2}) == "b, c, d +1"
    assert label_names({}) == "-"
