"""Staging: an object is written under a temporary name and then given its key, so it is seen whole or not at all."""

import errno
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from storage_adapters.contract import Buffer
from storage_adapters.errors import NotSupported
from storage_adapters.nas.directories import Directories
from storage_adapters.nas.filling import copy_bytes, write_all
from storage_adapters.nas.layout import STAGING, split_key
from storage_adapters.nas.objects import open_object

ABANDONED_AFTER = timedelta(days=1)

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_ATTEMPTS = 5_000  # each is lost only to a removal that comes between two system calls

Naming = Callable[[Directories, str, str, str], None]
"""Gives a staged file its name: directories, temporary name, directory and name of the key."""


class Staging:
    """The writes of one batch of work; one thread uses an instance."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._token = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._count = 0

    def put(self, key: str, data: Buffer) -> None:
        """Write the object, in place of one that is there; on failure nothing is left behind."""
        self._write(key, lambda file: write_all(file, data), _rename)

    def put_new(self, key: str, data: Buffer) -> None:
        """Like `put`, unless the key exists. Raises: FileExistsError, NotSupported."""
        self._write(key, lambda file: write_all(file, data), _link)

    def copy(self, source: str, target: str) -> None:
        """Copy inside the file system, sharing blocks where it can. Raises: ObjectMissing."""
        reader = open_object(self._directories, source)
        try:
            size = os.fstat(reader).st_size
            self._write(target, lambda file: copy_bytes(reader, file, 0, 0, size, source), _rename)
        finally:
            os.close(reader)

    def remove_abandoned(self) -> None:
        """Remove what writers that were killed left here; nothing younger than `ABANDONED_AFTER`."""
        area = self._directories.make(STAGING)
        oldest = time.time() - ABANDONED_AFTER.total_seconds()
        for name in os.listdir(area):
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=area, follow_symlinks=False).st_mtime < oldest:
                    os.unlink(name, dir_fd=area)

    def _write(self, key: str, fill: Callable[[int], None], give_name: Naming) -> None:
        directory, name = split_key(key)
        area = self._directories.make(STAGING)
        self._count += 1
        temporary = f"{self._token}-{self._count}"
        file = os.open(temporary, _CREATE, 0o666, dir_fd=area)
        try:
            try:
                fill(file)
            finally:
                os.close(file)  # over NFS this is where a full disk is reported
            give_name(self._directories, temporary, directory, name)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=area)
            raise


def publish(directories: Directories, area: str, temporary: str, directory: str, name: str) -> None:
    """Rename a file of the storage's own area to its key; the directory is made, also while others remove it."""
    source = directories.find(area)
    for attempt in range(_ATTEMPTS):
        try:
            os.rename(temporary, name, src_dir_fd=source, dst_dir_fd=directories.make(directory))
            return
        except FileNotFoundError:
            # The directory was emptied and removed between its opening and the rename, or the file is gone.
            directories.forget(directory)
            if attempt == _ATTEMPTS - 1:
                raise


def _rename(directories: Directories, temporary: str, directory: str, name: str) -> None:
    publish(directories, STAGING, temporary, directory, name)


def _link(directories: Directories, temporary: str, directory: str, name: str) -> None:
    """Link the file to its key unless something stands there, then drop the temporary name."""
    area = directories.find(STAGING)
    for attempt in range(_ATTEMPTS):
        try:
            os.link(temporary, name, src_dir_fd=area, dst_dir_fd=directories.make(directory))
            break
        except FileExistsError:
            # Over NFS a lost reply makes a link that was made look refused: then both names are one file.
            if os.stat(temporary, dir_fd=area).st_nlink != 2:
                raise
            break
        except FileNotFoundError:
            directories.forget(directory)
            if attempt == _ATTEMPTS - 1:
                raise
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise NotSupported("A conditional put needs hard links, which are missing here.") from error
            raise
    os.unlink(temporary, dir_fd=area)
