"""Listing: walk a directory tree in the byte order of its keys, from any key on, with bounded memory."""

import heapq
from collections.abc import Iterator
from itertools import islice

from storage_adapters.hdfs.client import FileInfo, HdfsClient
from storage_adapters.hdfs.objects import Layout, describe
from storage_adapters.object_storage.contract import ObjectInfo
from storage_adapters.object_storage.own_area import RESERVED, is_reserved

NAMES_AT_ONCE = 50_000
"""Entries of one directory that are sorted in memory; a larger directory is read once for each such run, unless its
listing comes in one answer and was in memory already."""


def list_tree(client: HdfsClient, layout: Layout, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
    """Files whose key starts with `prefix` and comes after `start_after`, in the byte order of the whole key.

    Python orders text by code point, which is UTF-8's byte order; the NameNode orders bytes as signed
    numbers, so its order cannot be used. A directory sorts as its name with `/`.
    """
    directory, _, stem = prefix.rpartition("/")
    if is_reserved(directory):
        return
    if start_after.endswith("/"):
        start_after += "\0"  # no key lies between, and the name of a listed directory never ends like this
    if directory and start_after > f"{directory}/" and not start_after.startswith(f"{directory}/"):
        return
    levels = [_list_directory(client, layout, directory, stem, start_after)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
        elif isinstance(found, str):
            levels.append(_list_directory(client, layout, found, "", start_after))
        else:
            yield found


def files_under(client: HdfsClient, layout: Layout, directory: str) -> Iterator[str]:
    """Keys of the files under a directory, in no order; only names of directories are held in memory."""
    waiting = [directory]
    while waiting:
        here = waiting.pop()
        for entry in client.list_directory(layout.directory_path(here)):
            if entry.is_directory:
                waiting.append(f"{here}/{entry.name}")
            else:
                yield f"{here}/{entry.name}"


def _list_directory(
    client: HdfsClient, layout: Layout, directory: str, stem: str, start_after: str
) -> Iterator[str | ObjectInfo]:
    """The content of one directory in order: files, and keys of directories to enter between them."""
    base = f"{directory}/" if directory else ""
    passed = start_after.removeprefix(base) if start_after.startswith(base) else ""
    while True:
        entries = _scan(client, layout, directory, stem, passed)
        run = sorted(islice(entries, None if client.lists_at_once else NAMES_AT_ONCE), key=_order)
        if (following := next(entries, None)) is not None:
            run = heapq.nsmallest(NAMES_AT_ONCE, _joined(run, following, entries), key=_order)
        for entry in run:
            yield base + entry.name if entry.is_directory else describe(base + entry.name, entry)
        if following is None:
            return
        passed = _order(run[-1])


def _scan(client: HdfsClient, layout: Layout, directory: str, stem: str, passed: str) -> Iterator[FileInfo]:
    """Entries that come after `passed`."""
    for entry in client.list_directory(layout.directory_path(directory)):
        name = _order(entry)
        if not name.startswith(stem) or (not directory and entry.name == RESERVED):
            continue
        # The directory that `passed` lies in still has entries after it.
        if name > passed or (entry.is_directory and name != passed and passed.startswith(name)):
            yield entry


def _order(entry: FileInfo) -> str:
    return f"{entry.name}/" if entry.is_directory else entry.name


def _joined(run: list[FileInfo], following: FileInfo, rest: Iterator[FileInfo]) -> Iterator[FileInfo]:
    yield from run
    yield following
    yield from rest
