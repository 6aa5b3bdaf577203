"""Clearing: find every file under a prefix, and remove the directories that are left empty."""

import os
from collections.abc import Iterator

from storage_adapters.nas.directories import Directories
from storage_adapters.nas.faults import translate, translated
from storage_adapters.nas.root import Root


def files_under(root: Root, directory: str) -> Iterator[str]:
    """Paths of everything but directories, in no order; only names of directories are held in memory.

    They may be removed during the walk, as every recursive removal does. Symbolic links are named, never followed.
    """
    waiting = [directory]
    while waiting:
        here = waiting.pop()
        for name, is_directory in _scan(root, here):
            if is_directory:
                waiting.append(f"{here}/{name}")
            else:
                yield f"{here}/{name}"


def remove_directories(root: Root, directory: str) -> bool:
    """Remove the directory, those under it, and its parents except at the first level, if they are empty.

    Returns whether the directory is gone; files that others put there meanwhile stay.
    """
    with translated(directory):
        gone = False
        for path in _directories_under(root, directory):
            gone = _remove(root, path)
        parent = directory.rpartition("/")[0]
        while gone and "/" in parent and _remove(root, parent):
            parent = parent.rpartition("/")[0]
    return gone


def _remove(root: Root, directory: str) -> bool:
    # Opened anew each time: a tree of any number of directories must not need as many descriptors.
    with Directories(root) as directories:
        return directories.remove(directory)


def _directories_under(root: Root, directory: str) -> Iterator[str]:
    """Paths of the directories and of `directory` itself, each after all that are in it."""
    waiting = [(directory, False)]
    while waiting:
        here, entered = waiting.pop()
        if entered:
            yield here
            continue
        waiting.append((here, True))
        waiting.extend((f"{here}/{name}", False) for name, is_directory in _scan(root, here) if is_directory)


def _scan(root: Root, directory: str) -> Iterator[tuple[str, bool]]:
    """Names in one directory and whether each is a directory; a missing directory is empty."""
    with Directories(root) as directories:
        try:
            with os.scandir(directories.find(directory)) as entries:
                for entry in entries:
                    yield entry.name, entry.is_dir(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise translate(error, directory) from error


def as_text(path: str) -> str:
    """A path that may not be UTF-8, in a form that can be reported."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
