"""The names that are accepted, and their normal form."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.names import safe_path, safe_paths

LIMITS = Limits(path_bytes=60, segment_bytes=20, depth=5)
odd_names = st.text(st.sampled_from("ab图é./\\: \x00\x1f\x7f\x85C"), max_size=30)


def one_by_one(names: list[str]) -> list[str] | str:
    try:
        return [safe_path(name, LIMITS) for name in names]
    except ArchiveRejected as rejected:
        return rejected.code


def all_at_once(names: list[str]) -> list[str] | str:
    try:
        return list(safe_paths(pa.array(names, pa.string()), LIMITS).to_pylist())  # type: ignore[arg-type]  # no nulls
    except ArchiveRejected as rejected:
        return rejected.code


@given(st.lists(odd_names, max_size=5))
def test_names_are_judged_alike_one_by_one_and_all_at_once(names: list[str]) -> None:
    assert all_at_once(names) == one_by_one(names)


@given(odd_names)
def test_a_safe_path_is_relative_clean_and_stays_as_it_is(name: str) -> None:
    judged = one_by_one([name])
    if isinstance(judged, str):
        assert judged in ("UNSAFE_PATH", "BAD_NAME")
        return
    (path,) = judged
    segments = path.removesuffix("/").split("/") if path else []
    assert "\\" not in path
    assert not {"", ".", ".."} & set(segments)
    assert len(path.removesuffix("/").encode()) <= 60
    assert all(len(segment.encode()) <= 20 for segment in segments)
    assert len(segments) <= 5
    assert path == "" or safe_path(path, LIMITS) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a\\b\\", "a/b/"),
        ("./a//b/./c", "a/b/c"),
        ("./", ""),
        ("a/.", "a/"),
        ("图片/é ü.jpg", "图片/é ü.jpg"),
        ("12:30.jpg", "12:30.jpg"),
        ("a..b/..c", "a..b/..c"),
    ],
)
def test_what_is_harmless_is_kept_or_tidied(name: str, path: str) -> None:
    assert safe_path(name, Limits()) == path


def test_dots_alone_are_refused_because_some_systems_drop_those_at_the_end() -> None:
    for name in ("a/...", "a/.. ", " ../b"):
        with pytest.raises(ArchiveRejected, match="UNSAFE_PATH"):
            safe_path(name, Limits())


@pytest.mark.parametrize(("length", "is_accepted"), [(255, True), (256, False)])
def test_limits_are_the_last_length_that_is_accepted(length: int, is_accepted: bool) -> None:
    name = "x" * length
    if is_accepted:
        assert safe_path(name, Limits()) == name
    else:
        with pytest.raises(ArchiveRejected, match="BAD_NAME"):
            safe_path(name, Limits())
