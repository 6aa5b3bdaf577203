"""Which names an object may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters.errors import InvalidKey
from storage_adapters.object_storage.keys import check_directory, check_key, check_prefix


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("", "empty"),
        ("a\0b", "NUL"),
        ("x" * 256, "255"),
        ("/".join(["x" * 200] * 6), "1024"),
        ("/etc/passwd", "begins"),
        ("a/../b", "'..'"),
        ("a/", "ends"),
        ("a\n/..", "'..'"),
        ("\ud800", "Unicode"),
    ],
)
def test_a_refused_key_says_what_to_change(key: str, word: str) -> None:
    with pytest.raises(InvalidKey, match=word.replace("'..'", "'[.][.]'")) as error:
        check_key(key)
    assert error.value.key == key


@pytest.mark.parametrize(
    "key", ["a", ".a", "..a", "a..", "...", "a/...", "x" * 255, "长" * 85, "a b/ c", "a\n", "C:\\x"]
)
def test_unusual_keys_are_keys(key: str) -> None:
    assert check_key(key) == key


@given(st.text())
def test_an_accepted_key_never_leaves_a_root(key: str) -> None:
    try:
        check_key(key)
    except InvalidKey:
        return
    segments = key.split("/")
    assert all(segments)
    assert not {".", ".."} & set(segments)
    assert "\0" not in key
    assert len(key.encode()) <= 1024


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/.", ".", "..", "a/.."])
def test_a_prefix_is_whatever_a_key_can_start_with(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "/a", "a//", "a//b", "../", "../x", "a/../b"])
def test_what_no_key_starts_with_is_no_prefix(prefix: str) -> None:
    with pytest.raises(InvalidKey):
        check_prefix(prefix)


def test_a_directory_is_named_with_its_final_slash() -> None:
    assert check_directory("a/b/") == "a/b"
    for prefix in ("", "a", "/", "../"):
        with pytest.raises(InvalidKey):
            check_directory(prefix)
