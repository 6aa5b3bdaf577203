"""How often a listing reads a directory of HDFS that is larger than what is sorted at once."""

from collections.abc import Iterator
from typing import cast

import pytest

from storage_adapters.hdfs import listing
from storage_adapters.hdfs.client import FileInfo, HdfsClient
from storage_adapters.hdfs.objects import Layout

NAMES = [f"{number:02}" for number in range(20)]


class OneDirectory:
    """A client that knows the directory `/root/d` and counts how often it is read."""

    def __init__(self, *, lists_at_once: bool) -> None:
        self.lists_at_once = lists_at_once
        self.reads = 0

    def list_directory(self, path: str) -> Iterator[FileInfo]:
        assert path == "/root/d"
        self.reads += 1
        for name in reversed(NAMES):
            yield FileInfo(name=name, is_directory=False, size_bytes=1, modified_ms=0)


@pytest.mark.parametrize(("lists_at_once", "reads"), [(True, 1), (False, 3)])
def test_a_large_directory_is_read_once_where_it_comes_at_once_and_by_runs_where_it_comes_in_pages(
    monkeypatch: pytest.MonkeyPatch, lists_at_once: bool, reads: int
) -> None:
    monkeypatch.setattr(listing, "NAMES_AT_ONCE", 8)
    client = OneDirectory(lists_at_once=lists_at_once)

    found = list(listing.list_tree(cast(HdfsClient, client), Layout("/root"), "d/", ""))

    assert [info.key for info in found] == [f"d/{name}" for name in NAMES]
    assert client.reads == reads
