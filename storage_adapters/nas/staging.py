"""Staging: an object is written or copied under a temporary name and then renamed, so it is seen whole or not at all."""

import errno
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from storage_adapters.errors import ObjectChanged
from storage_adapters.nas.directories import Directories, split_key
from storage_adapters.nas.objects import open_object
from storage_adapters.object_storage.contract import Buffer
from storage_adapters.object_storage.own_area import ABANDONED_AFTER, STAGING

_NO_FAST_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF}
_COPY_BYTES = 1024 * 1024

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTEMPTS = 5_000  # an attempt fails only if the directory is removed between two system calls


class StagedWrites:
    """The staged writes of one batch; one thread uses an instance."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._token = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._count = 0

    def put(self, key: str, data: Buffer) -> None:
        """Write the object, in place of an older one; on failure nothing is left behind."""
        self._write(key, lambda file: write_all(file, data))

    def copy(self, source: str, target: str) -> None:
        """Copy inside the file system, sharing blocks where it can. Raises: ObjectMissing."""
        reader = open_object(self._directories, source)
        try:
            size = os.fstat(reader).st_size
            self._write(target, lambda file: copy_bytes(reader, file, 0, 0, size, source))
        finally:
            os.close(reader)

    def remove_abandoned(self) -> None:
        """Remove files of killed writers, if they are older than `ABANDONED_AFTER`."""
        area = self._directories.make(STAGING)
        oldest = time.time() - ABANDONED_AFTER.total_seconds()
        for name in os.listdir(area):
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=area, follow_symlinks=False).st_mtime < oldest:
                    os.unlink(name, dir_fd=area)

    def _write(self, key: str, fill: Callable[[int], None]) -> None:
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
            publish(self._directories, STAGING, temporary, directory, name)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=area)
            raise


def publish(directories: Directories, area: str, temporary: str, directory: str, name: str) -> None:
    """Rename a file of the storage's own area to its key; the directory is made, also while other processes remove it."""
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


def write_all(file: int, data: Buffer) -> None:
    """Write every byte, also if the kernel takes fewer at once."""
    written = os.write(file, data)
    if written < size_of(data):
        rest = memoryview(data).cast("B")[written:]
        while rest:
            rest = rest[os.write(file, rest) :]


def size_of(data: Buffer) -> int:
    """The bytes of a buffer; a view's length counts items, which may be wider."""
    return data.nbytes if isinstance(data, memoryview) else len(data)


def copy_bytes(
    source: int, target: int, source_offset: int, target_offset: int, length: int, key: str
) -> None:
    """Copy a range between files in the kernel, or through memory where it cannot. Raises: ObjectChanged."""
    fast = True
    while length:
        try:
            if fast:
                copied = os.copy_file_range(source, target, length, source_offset, target_offset)
            else:
                copied = os.pwrite(
                    target, os.pread(source, min(length, _COPY_BYTES), source_offset), target_offset
                )
        except OSError as error:
            if not fast or error.errno not in _NO_FAST_COPY:
                raise
            fast = False
            continue
        if not copied:
            raise ObjectChanged(
                "The object ends inside the range to copy: it was replaced, or shortened.", key=key
            )
        source_offset += copied
        target_offset += copied
        length -= copied
