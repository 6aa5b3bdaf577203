"""Root: the directory that a NAS storage is, held open, and reached without following a symbolic link."""

import errno
import os
import threading
from collections.abc import Callable, Iterable

from storage_adapters.errors import PlaceRefused, StorageUnavailable

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""To go through a directory needs no right to list it."""

Identity = tuple[int, int]
"""Device and inode, which mean something only while the directory exists: compared at once, and never stored."""


def nothing_avoided() -> Iterable[str]:
    """No directory."""
    return ()


class Root:
    """The root directory at a path without symbolic links. Threads and forks may share it.

    It is opened once, component by component, and held. It is opened again, in the same way, when another directory is at
    its path: the file system was mounted, or the directory was removed and made again. A symbolic link on the way is refused.
    `avoided` are directories that must not be entered from here, by any link or mount.
    """

    def __init__(self, path: str, *, avoided: Callable[[], Iterable[str]] = nothing_avoided) -> None:
        self.path = path
        self._avoided = avoided
        self._held: _Held | None = None
        self._lock = threading.Lock()

    def avoiding(self, avoided: Callable[[], Iterable[str]]) -> "Root":
        """The same directory, from which these are not entered."""
        return Root(self.path, avoided=avoided)

    def make(self) -> None:
        """Make the directory and those above it. Raises: OSError, StorageUnavailable."""
        os.close(_walk(self.path, make=True))

    def open(self, avoided: frozenset[Identity] = frozenset()) -> int:
        """A descriptor of its own, which the caller closes.

        Raises:
            StorageUnavailable: the directory is missing, cannot be opened, or a symbolic link is on the way.
            PlaceRefused: the root lies in one of the avoided directories.
        """
        try:
            if avoided:
                return _walk(self.path, avoided=avoided)
            # It may go through a link, but it is only compared: what is used was opened without links.
            here = os.lstat(self.path)
            with self._lock:
                if self._held is None or self._held.identity != (here.st_dev, here.st_ino):
                    self._held = _Held(_walk(self.path))
                return os.dup(self._held.descriptor)
        except OSError as error:
            raise StorageUnavailable(
                f"The storage's root directory cannot be opened: {error.strerror}. Check that the file system is mounted."
            ) from error

    def identities_avoided(self) -> frozenset[Identity]:
        """The avoided directories that exist now."""
        found = set()
        for directory in self._avoided():
            try:
                status = os.stat(directory)
            except OSError:
                continue  # it cannot be entered either
            found.add((status.st_dev, status.st_ino))
        return frozenset(found)


class _Held:
    """An open directory, closed when it is used no more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        status = os.fstat(descriptor)
        self.identity = (status.st_dev, status.st_ino)

    def __del__(self) -> None:
        os.close(self.descriptor)


def _walk(path: str, *, make: bool = False, avoided: frozenset[Identity] = frozenset()) -> int:
    """Open a directory from `/` on, one component at a time. Raises: OSError, StorageUnavailable, PlaceRefused."""
    segments = [segment for segment in path.split("/") if segment]
    here = os.open("/", _PASS)
    for number, segment in enumerate(segments, start=1):
        try:
            below = _enter(here, segment, OPEN_DIRECTORY if number == len(segments) else _PASS, make=make)
            if avoided:
                refuse_avoided(below, avoided)
        finally:
            os.close(here)
        here = below
    return here


def refuse_avoided(descriptor: int, avoided: frozenset[Identity], key: str | None = None) -> None:
    """Close a directory that must not be entered. Raises: PlaceRefused."""
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) in avoided:
        os.close(descriptor)
        raise PlaceRefused(
            "This directory belongs to a platform, which keeps datasets of all projects there: use another place.",
            key=key,
        )


def _enter(parent: int, name: str, flags: int, *, make: bool) -> int:
    while True:
        try:
            return os.open(name, flags, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP) and _is_link(parent, name):
                raise StorageUnavailable(
                    f"{name!r} on the way to the storage's root is a symbolic link now, which is never followed: put the "
                    "directory back, or register the place that it leads to."
                ) from error
            raise
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            continue  # another process made it


def _is_link(parent: int, name: str) -> bool:
    try:
        os.readlink(name, dir_fd=parent)
    except OSError:
        return False
    return True
