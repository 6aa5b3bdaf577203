"""Objects: write, read, copy and remove single files of a NAS storage inside opened directories."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from storage_adapters.contract import Buffer, ByteRange, ObjectInfo
from storage_adapters.errors import NotSupported, ObjectChanged, ObjectMissing
from storage_adapters.nas.directories import Directories
from storage_adapters.nas.faults import translate_read
from storage_adapters.nas.layout import STAGING, StagingNames, split_key

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not block the reader
_NO_FAST_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF}
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_COPY_BYTES = 1024 * 1024
_PUBLISH_ATTEMPTS = 10


def put_object(directories: Directories, names: StagingNames, key: str, data: Buffer) -> None:
    """Write the object under a temporary name and rename it to its key; nothing is left behind on failure."""
    _stage(directories, names, key, lambda file: write_all(file, data), _publish)


def put_new_object(directories: Directories, names: StagingNames, key: str, data: Buffer) -> None:
    """Like `put_object`, unless the key exists. Raises: FileExistsError, NotSupported."""
    _stage(directories, names, key, lambda file: write_all(file, data), _publish_new)


def copy_object(directories: Directories, names: StagingNames, source: str, target: str) -> None:
    """Copy inside the file system, sharing blocks where it can. Raises: ObjectMissing."""
    reader = open_object(directories, source)
    try:
        size = os.fstat(reader).st_size
        _stage(
            directories, names, target, lambda file: copy_bytes(reader, file, 0, 0, size, source), _publish
        )
    finally:
        os.close(reader)


def open_object(directories: Directories, key: str) -> int:
    """Open an object for reading. Raises: ObjectMissing and other storage errors."""
    directory, name = split_key(key)
    try:
        file = os.open(name, _READ, dir_fd=directories.find(directory))
    except OSError as error:
        raise translate_read(error, key) from error
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise ObjectMissing("What stands under this key is not a file.", key=key)


def read_object(directories: Directories, wanted: ByteRange) -> bytes:
    """One range of an object. Raises: ObjectMissing, ObjectChanged and other storage errors."""
    file = open_object(directories, wanted.key)
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
                f"The object ends at {wanted.offset + len(data)}, inside the range that was asked for.",
                key=wanted.key,
            )
        data += more
    if not wanted.length and os.fstat(file).st_size < wanted.offset:
        raise ObjectChanged("The object ends before the range that was asked for.", key=wanted.key)
    return data


def remove_file(directories: Directories, path: str) -> None:
    """Remove what is no directory; where there is nothing, nothing happens. Raises: OSError."""
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
        raise ObjectMissing("What stands under this key is not a file.", key=key)
    return describe(key, status)


def describe(key: str, status: os.stat_result) -> ObjectInfo:
    """The object as a listing shows it; the tag changes whenever the file is replaced or written."""
    return ObjectInfo(
        key=key,
        size_bytes=status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}",
    )


def write_all(file: int, data: Buffer) -> None:
    """Write every byte, also where the kernel takes fewer at once."""
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
            raise ObjectChanged("The object ends inside the range to copy.", key=key)
        source_offset += copied
        target_offset += copied
        length -= copied


def publish(directories: Directories, area: str, temporary: str, key: str) -> None:
    """Rename a file of the storage's own area to its key; the directory is made, also while others remove it."""
    directory, name = split_key(key)
    for attempt in range(_PUBLISH_ATTEMPTS):
        try:
            os.rename(
                temporary, name, src_dir_fd=directories.find(area), dst_dir_fd=directories.make(directory)
            )
            return
        except FileNotFoundError:
            # The directory was emptied and removed between the opening and the rename.
            directories.forget(directory)
            if attempt == _PUBLISH_ATTEMPTS - 1:
                raise


def _publish(directories: Directories, temporary: str, key: str) -> None:
    publish(directories, STAGING, temporary, key)


def _publish_new(directories: Directories, temporary: str, key: str) -> None:
    """Link the file to its key unless something stands there, then drop the temporary name."""
    directory, name = split_key(key)
    staging = directories.find(STAGING)
    for attempt in range(_PUBLISH_ATTEMPTS):
        try:
            os.link(temporary, name, src_dir_fd=staging, dst_dir_fd=directories.make(directory))
            break
        except FileExistsError:
            # Over NFS a lost reply makes a link that was made look refused: then both names are one file.
            if os.stat(temporary, dir_fd=staging).st_nlink != 2:
                raise
            break
        except FileNotFoundError:
            directories.forget(directory)
            if attempt == _PUBLISH_ATTEMPTS - 1:
                raise
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise NotSupported(
                    "The file system has no hard links, which a conditional put needs.", key=key
                ) from error
            raise
    os.unlink(temporary, dir_fd=staging)


def _stage(
    directories: Directories,
    names: StagingNames,
    key: str,
    fill: Callable[[int], None],
    finish: Callable[[Directories, str, str], None],
) -> None:
    """Fill a new file in the staging area and let `finish` give it its key; remove it if anything fails."""
    staging = directories.make(STAGING)
    temporary = names.next()
    file = os.open(temporary, _CREATE, 0o666, dir_fd=staging)
    try:
        try:
            fill(file)
        finally:
            os.close(file)  # over NFS this is where a full disk is reported
        finish(directories, temporary, key)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=staging)
        raise
