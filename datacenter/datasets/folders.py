"""Folders: under which name each dataset's files lie in an archive where their paths would meet otherwise."""

import re
import unicodedata
from collections.abc import Collection

NAME_BYTES = 200
"""Of the 255 that a file system takes, so that a number can follow."""
_SPLITS = re.compile(r"[/\\:]")


def folder_names(datasets: Collection[str], reserved: Collection[str]) -> dict[str, str]:
    """A folder for each dataset name: one safe path segment, different from all others on any file system.

    A dataset may be named like a path or like one of the archive's own lists; its folder never is.
    """
    taken = {_folded(name) for name in reserved}
    folders = {}
    for name in sorted(datasets, key=str.encode):
        wanted = _segment(name)
        folder, number = wanted, 2
        while _folded(folder) in taken:
            folder, number = f"{wanted}-{number}", number + 1
        taken.add(_folded(folder))
        folders[name] = folder
    return folders


def _segment(name: str) -> str:
    plain = _SPLITS.sub("_", name).encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return plain or "dataset"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
