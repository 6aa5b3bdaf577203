"""Collisions of names, against a model that compares every pair."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.name_collisions import NameCollisions

segment = st.sampled_from(["a", "b", "a!", "a-", "A", "é", "e\u0301", "图"])
paths = st.lists(segment, min_size=1, max_size=3).map("/".join)
entries = st.lists(st.tuples(paths, st.booleans()).map(lambda entry: entry[0] + "/" * entry[1]), max_size=8)


def verdict_of(names: list[str], batch: int = 3) -> str | list[str]:
    ledger = NameCollisions(Limits())
    for start in range(0, len(names), batch):
        ledger.add(pa.array(names[start : start + batch], pa.string()))
    try:
        return ledger.check()
    except ArchiveRejected as rejected:
        return rejected.code


@given(entries)
def test_every_clash_is_found_and_nothing_else(names: list[str]) -> None:
    files = [name for name in names if not name.endswith("/")]
    codes = set()
    if any(count > 1 for count in Counter(files).values()):
        codes.add("DUPLICATE")
    if any(other.startswith(f"{file}/") for file in files for other in names):
        codes.add("NAME_COLLISION")
    verdict = verdict_of(names)
    assert verdict in codes if codes else isinstance(verdict, list)


@pytest.mark.parametrize("pair", [("A.jpg", "a.jpg"), ("é", "e\u0301"), ("Ä/x", "ä/x")])
def test_twins_are_kept_with_a_warning_that_names_them(pair: tuple[str, str]) -> None:
    (warning,) = verdict_of(["other", *pair])
    assert ": 1, such as " in warning
    assert warning.isascii()
    assert verdict_of([f"other/{i}" for i in range(10)]) == []


def test_no_names_at_all_are_fine() -> None:
    assert NameCollisions(Limits()).check() == []


def test_names_beyond_the_memory_they_may_take_are_refused() -> None:
    ledger = NameCollisions(Limits(index_bytes=10))
    ledger.add(pa.array(["12345", "67890"]))
    with pytest.raises(ArchiveRejected, match="TOO_LARGE"):
        ledger.add(pa.array(["x"]))
