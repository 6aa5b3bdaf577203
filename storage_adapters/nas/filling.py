"""Filling: bytes from memory or from another file into an open file, all of them or an error."""

import errno
import os

from storage_adapters.contract import Buffer
from storage_adapters.errors import ObjectChanged

_NO_FAST_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF}
_COPY_BYTES = 1024 * 1024


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
