"""Listing: walk a directory tree in the byte order of its keys, from any key on, with bounded memory."""

import heapq
import os
from collections.abc import Iterator
from itertools import islice

from storage_adapters.errors import PlaceRefused
from storage_adapters.nas.directories import Directories
from storage_adapters.nas.faults import translate
from storage_adapters.nas.objects import describe
from storage_adapters.nas.root import Root
from storage_adapters.object_storage.contract import ObjectInfo
from storage_adapters.object_storage.own_area import RESERVED, is_reserved

NAMES_AT_ONCE = 100_000
"""Names of one directory that are sorted in memory; a larger directory is read once for each such run."""
STATS_AT_ONCE = 256


def list_tree(root: Root, prefix: str, start_after: str) -> Iterator[ObjectInfo]:
    """Files whose key starts with `prefix` and comes after `start_after`, in the byte order of the whole key.

    Python orders text by code point, which is UTF-8's byte order. A directory sorts as its name with `/`:
    `a-b` comes before `a/b`, and that before `a0`. No directory stays open between two results.
    """
    directory, _, stem = prefix.rpartition("/")
    if is_reserved(directory):
        return
    if start_after.endswith("/"):
        start_after += (
            "\0"  # no key lies between the two, and the name of a listed directory never ends like this
        )
    if directory and start_after > f"{directory}/" and not start_after.startswith(f"{directory}/"):
        return
    levels = [_list_directory(root, directory, stem, start_after)]
    while levels:
        try:
            found = next(levels[-1], None)
        except PlaceRefused:
            if len(levels) == 1:
                raise
            found = None  # a directory within, which is hidden
        if found is None:
            levels.pop()
        elif isinstance(found, str):
            levels.append(_list_directory(root, found, "", start_after))
        else:
            yield from found


def _list_directory(
    root: Root, directory: str, stem: str, start_after: str
) -> Iterator[str | list[ObjectInfo]]:
    """The content of one directory in order: runs of files, and paths of directories to enter between them."""
    base = f"{directory}/" if directory else ""
    passed = start_after.removeprefix(base) if start_after.startswith(base) else ""
    files: list[str] = []
    while True:
        names = _read_names(root, directory, stem, passed)
        for name in names:
            if not name.endswith("/"):
                files.append(name)
                if len(files) < STATS_AT_ONCE:
                    continue
            if files:
                yield _describe_files(root, directory, files)
                files = []
            if name.endswith("/"):
                yield base + name[:-1]
        if len(names) < NAMES_AT_ONCE:
            break
        passed = names[-1]
    if files:
        yield _describe_files(root, directory, files)


def _read_names(root: Root, directory: str, stem: str, passed: str) -> list[str]:
    """The first names in order after `passed`; directories end in `/`."""
    with Directories(root) as directories:
        try:
            names = _scan(directories.find(directory), stem, passed, hidden="" if directory else RESERVED)
            first = list(islice(names, NAMES_AT_ONCE))
            following = next(names, None)
            if following is None:
                return sorted(first)
            return heapq.nsmallest(
                NAMES_AT_ONCE, (name for run in (first, (following,), names) for name in run)
            )
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise translate(error, directory) from error


def _scan(directory: int, stem: str, passed: str, *, hidden: str) -> Iterator[str]:
    """Names of files and directories that come after `passed`."""
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name == hidden:
                    continue
                name += "/"
                # The directory that `passed` lies in still has names after it.
                if name <= passed and (name == passed or not passed.startswith(name)):
                    continue
            elif name <= passed or not entry.is_file(follow_symlinks=False):
                continue
            if name.startswith(stem) and (name.isascii() or _is_text(name)):
                yield name


def _is_text(name: str) -> bool:
    """Whether the name is UTF-8; others come out with lone surrogates, and no key can name them."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _describe_files(root: Root, directory: str, names: list[str]) -> list[ObjectInfo]:
    """The files as they are now; a file that was removed meanwhile is left out."""
    base = f"{directory}/" if directory else ""
    infos = []
    with Directories(root) as directories:
        try:
            parent = directories.find(directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise translate(error, directory) from error
        for name in names:
            try:
                infos.append(describe(base + name, os.stat(name, dir_fd=parent, follow_symlinks=False)))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise translate(error, base + name) from error
    return infos
