"""Objects: read, describe and remove single files of a NAS storage inside opened directories."""

import os
import stat
from datetime import UTC, datetime

from storage_adapters.errors import ObjectChanged, ObjectMissing
from storage_adapters.nas.directories import Directories, split_key
from storage_adapters.nas.faults import translate_read
from storage_adapters.object_storage.contract import ByteRange, ObjectInfo

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not block the reader


def open_object(directories: Directories, key: str) -> int:
    """Open an object for reading. Raises: ObjectMissing and other storage errors."""
    file = _open(directories, key)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise ObjectMissing("There is no file under this key, but something else.", key=key)


def read_object(directories: Directories, wanted: ByteRange) -> bytes:
    """One range of an object; this runs for every file of every archive. Raises: ObjectMissing, ObjectChanged and
    other storage errors.

    The kind of file is not checked: reading a directory or a pipe at an offset fails by itself.
    """
    file = _open(directories, wanted.key)
    try:
        return read_exactly(file, wanted)
    except OSError as error:
        raise translate_read(error, wanted.key) from error
    finally:
        os.close(file)


def read_exactly(file: int, wanted: ByteRange) -> bytes:
    """The bytes of the range. Raises: ObjectChanged if the file ends before it does."""
    data = os.pread(file, wanted.length, wanted.offset)
    while len(data) < wanted.length:  # the kernel reads at most 2 GiB at once
        more = os.pread(file, wanted.length - len(data), wanted.offset + len(data))
        if not more:
            raise ObjectChanged(
                f"The object ends at {wanted.offset + len(data)}, inside the range: it was replaced, or shortened.",
                key=wanted.key,
            )
        data += more
    if not wanted.length and os.fstat(file).st_size < wanted.offset:
        raise ObjectChanged(
            "The object ends before the range begins: it was replaced, or shortened.", key=wanted.key
        )
    return data


def _open(directories: Directories, key: str) -> int:
    directory, name = split_key(key)
    try:
        return os.open(name, _READ, dir_fd=directories.find(directory))
    except OSError as error:
        raise translate_read(error, key) from error


def remove_file(directories: Directories, path: str) -> None:
    """Remove a file, if there is one; directories stay. Raises: OSError."""
    directory, _, name = path.rpartition("/")
    try:
        os.unlink(name, dir_fd=directories.find(directory))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return


def stat_object(directories: Directories, key: str) -> ObjectInfo:
    """Raises: ObjectMissing and other storage errors."""
    directory, name = split_key(key)
    try:
        status = os.stat(name, dir_fd=directories.find(directory), follow_symlinks=False)
    except OSError as error:
        raise translate_read(error, key) from error
    if not stat.S_ISREG(status.st_mode):
        raise ObjectMissing("There is no file under this key, but something else.", key=key)
    return describe(key, status)


def describe(key: str, status: os.stat_result) -> ObjectInfo:
    """The object as a listing shows it; the tag changes whenever the file is replaced or written.

    Unless a program sets its time back, as `cp -p` does. `changed_at` changes even then, but also after `chmod`, and on
    a clustered file system clients may see different values: nothing may fail because of it.
    """
    return ObjectInfo(
        key=key,
        size_bytes=status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        changed_at=datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), UTC),
        etag=f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}",
    )
