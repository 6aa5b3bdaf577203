"""Directories: open, make and remove those that keys run through, never through a symbolic link."""

import errno
import os
from types import TracebackType

from storage_adapters.nas.root import OPEN_DIRECTORY, Identity, Root, refuse_avoided
from storage_adapters.object_storage.own_area import check_object_key


def split_key(key: str) -> tuple[str, str]:
    """The directory and the name of an object. Raises: InvalidKey, as `check_object_key`."""
    directory, _, name = check_object_key(key).rpartition("/")
    return directory, name


class Directories:
    """The directories that one batch of work touches, each opened once and closed with the batch.

    Every step goes relative to an open parent and refuses symbolic links, so no key leaves the root. One
    thread uses an instance; it holds no more descriptors than the batch has directories.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._open: dict[str, int] = {}
        self._avoided: frozenset[Identity] = frozenset()

    def __enter__(self) -> "Directories":
        self._avoided = self._root.identities_avoided()
        self._open[""] = self._root.open(self._avoided)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def find(self, directory: str) -> int:
        """The descriptor of a directory under the root, `""` for the root itself.

        Raises:
            OSError: ENOENT if it is missing; ENOTDIR if a segment is a file or a symbolic link.
            PlaceRefused: a directory on the way must not be entered.
        """
        found = self._open.get(directory)
        return self._walk(directory, make=False) if found is None else found

    def make(self, directory: str) -> int:
        """Like `find`; makes missing directories, also while other processes remove them."""
        found = self._open.get(directory)
        return self._walk(directory, make=True) if found is None else found

    def forget(self, directory: str) -> None:
        """Close a directory that may have been removed, so that the next `make` makes it again."""
        if directory and directory in self._open:
            os.close(self._open.pop(directory))

    def remove(self, directory: str) -> bool:
        """Remove the directory if it is empty; whether it is gone. Raises: OSError."""
        parent, _, name = directory.rpartition("/")
        try:
            os.rmdir(name, dir_fd=self.find(parent))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        self.forget(directory)
        return True

    def _walk(self, directory: str, *, make: bool) -> int:
        here = self._open[""]
        for segment in directory.split("/"):
            try:
                below = _enter(here, segment, make=make)
                if self._avoided:
                    refuse_avoided(below, self._avoided, directory)
            finally:
                if here != self._open[""]:
                    os.close(here)
            here = below
        self._open[directory] = here
        return here


def _enter(parent: int, name: str, *, make: bool) -> int:
    """Open a child directory, made first if it is missing and wanted."""
    while True:
        try:
            return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            continue  # another process made it; if it is no directory, opening it fails
