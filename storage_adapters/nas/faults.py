"""Faults: from the operating system's error number to the storage's error."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from storage_adapters.errors import (
    InvalidKey,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)

ERRORS: Mapping[int, type[StorageError]] = {
    errno.ENOENT: ObjectMissing,
    errno.EEXIST: ObjectExists,
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.ENAMETOOLONG: InvalidKey,
    errno.EILSEQ: InvalidKey,  # the file system refuses the characters of the name
    errno.ENOTDIR: InvalidKey,
    errno.EISDIR: InvalidKey,
    errno.ENOTEMPTY: InvalidKey,
    errno.ELOOP: InvalidKey,
}
"""Everything else (EIO, ESTALE, ETIMEDOUT, EHOSTDOWN, EMFILE …) may be temporary: `StorageUnavailable`."""

_DENIED = "{}: give the rights to the account that this process runs as."

MESSAGES: Mapping[int, str] = {
    errno.EACCES: _DENIED.format("Permission denied"),
    errno.EPERM: _DENIED.format("Operation not permitted"),
    errno.EROFS: "The file system is mounted read-only: mount it for writing.",
    errno.ENOTDIR: "A segment of the key is an object, or a symbolic link, which is never followed: use another key.",
    errno.EISDIR: "The key is a directory of other objects: use another key.",
    errno.ENOTEMPTY: "The key is a directory of other objects: use another key.",
    errno.ELOOP: "The key is a symbolic link, which is never followed: use another key.",
}
"""Messages for errors whose own text does not say what to change."""


def translate(error: OSError, key: str | None = None) -> StorageError:
    """The storage error for an error of the operating system."""
    kind = ERRORS.get(error.errno or 0, StorageUnavailable)
    fault = kind(MESSAGES.get(error.errno or 0) or error.strerror or str(error), key=key)
    fault.__cause__ = error
    return fault


def translate_read(error: OSError, key: str) -> StorageError:
    """Like `translate` for a read: a directory, a pipe or a symbolic link in the object's place is a missing object."""
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ESPIPE):
        error = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    return translate(error, key)


@contextmanager
def translated(key: str | None = None) -> Iterator[None]:
    """Raise storage errors instead of the operating system's."""
    try:
        yield
    except OSError as error:
        raise translate(error, key) from error


@contextmanager
def translated_write(key: str) -> Iterator[None]:
    """Like `translated` for a write: a missing directory was removed during the write, so another try may succeed."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT:
            error = OSError(errno.ESTALE, "The directory to write to was removed meanwhile")
        raise translate(error, key) from error
