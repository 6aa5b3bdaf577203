"""The names of a tar: one encoding for all, in any order of names."""

import pytest

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.tar.names import NamesMisread, TarNames

CHANCE = "一".encode("gb18030")
assert CHANCE.decode("utf-8") != "一"


def test_a_later_name_refutes_an_encoding_and_the_second_reading_is_right() -> None:
    names = TarNames(None)
    names.decode(CHANCE, is_utf8=False)
    with pytest.raises(NamesMisread):
        names.decode("中".encode("gb18030"), is_utf8=False)
    read = [names.decode(text.encode("gb18030"), is_utf8=False) for text in ("一", "中")]
    assert read == ["一", "中"]


def test_nothing_is_read_again_for_a_first_name_that_is_no_utf_8() -> None:
    names = TarNames(None)
    read = [names.decode(text.encode("gb18030"), is_utf8=False) for text in ("中", "一")]
    assert read == ["中", "一"]


def test_a_requested_encoding_comes_before_utf_8() -> None:
    assert TarNames("gbk").decode(CHANCE, is_utf8=False) == "一"


def test_a_declared_name_decides_nothing() -> None:
    names = TarNames(None)
    read = [names.decode(CHANCE, is_utf8=True), names.decode("中".encode("gb18030"), is_utf8=False)]
    assert read == [CHANCE.decode("utf-8"), "中"]


def test_hostile_names_can_make_a_tar_be_read_three_times_and_no_more() -> None:
    names = TarNames("euc_kr")
    no_euc_kr, no_utf_8, nothing = "€€".encode(), "中".encode("gb18030"), b"\xff"
    ends = []
    for _ in range(3):
        try:
            for name in (CHANCE, no_euc_kr, no_utf_8, nothing):
                names.decode(name, is_utf8=False)
        except (NamesMisread, ArchiveRejected) as end:
            ends.append(type(end))
    assert ends == [NamesMisread, NamesMisread, ArchiveRejected]
