"""Uploads: objects in parts, each written at its offset of one sparse file that a rename publishes."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from storage_adapters.errors import UploadInvalid, UploadMissing
from storage_adapters.nas.directories import Directories, split_key
from storage_adapters.nas.faults import translated
from storage_adapters.nas.objects import open_object, stat_object
from storage_adapters.nas.root import Root
from storage_adapters.nas.staging import copy_bytes, publish, write_all
from storage_adapters.object_storage.completion import completed_before, total_length
from storage_adapters.object_storage.contract import Buffer, ByteRange, ObjectInfo, Part, PendingUpload
from storage_adapters.object_storage.own_area import UPLOADS, upload_directory

_KEY = "key"
_DATA = "data"
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFERS_AT_ONCE = 512  # the kernel takes 1,024
_BYTES_AT_ONCE = 1024 * 1024


def begin_upload(directories: Directories, key: str) -> str:
    """Make the upload's directory with the name of its key and an empty data file; return its id."""
    split_key(key)
    upload_id = secrets.token_hex(16)
    with translated(key):
        here = directories.make(upload_directory(upload_id))
        for name, content in ((_KEY, key.encode()), (_DATA, b"")):
            file = os.open(name, _CREATE, 0o666, dir_fd=here)
            try:
                write_all(file, content)
            finally:
                os.close(file)
    return upload_id


def write_part(
    directories: Directories, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
) -> Part:
    """Write the chunks from the offset on, many small ones with one call. Raises: UploadMissing."""
    file = _open_data(directories, key, upload_id)
    end = offset
    try:
        with translated(key):
            for buffers in _gather(chunks):
                end += _write_at(file, buffers, end)
    finally:
        _close(file, key)
    return Part(number=number, offset=offset, length=end - offset)


def copy_part(
    directories: Directories, key: str, upload_id: str, number: int, offset: int, source: ByteRange
) -> Part:
    """Copy the range from an object to the offset. Raises: UploadMissing, ObjectMissing, ObjectChanged."""
    file = _open_data(directories, key, upload_id)
    try:
        reader = open_object(directories, source.key)
        try:
            with translated(key):
                copy_bytes(reader, file, source.offset, offset, source.length, source.key)
        finally:
            os.close(reader)
    finally:
        _close(file, key)
    return Part(number=number, offset=offset, length=source.length)


def complete_upload(directories: Directories, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
    """Publish the data file if the parts follow one another from 0 and it holds them all.

    Raises:
        UploadInvalid: there is a gap, an overlap, or a part that was not written.
        UploadMissing: the upload is unknown and there is no object of this size under the key.
    """
    size = total_length(sorted(parts, key=lambda part: part.number), key)
    try:
        file = _open_data(directories, key, upload_id)
    except UploadMissing:
        # A call whose answer got lost published it; the file with its key may be left.
        abort_upload(directories, upload_id)
        return completed_before(key, size, partial(stat_object, directories))
    try:
        with translated(key):
            written = os.fstat(file).st_size
            if written > size:  # the last part was written again, shorter
                os.ftruncate(file, size)
    finally:
        _close(file, key)
    if written < size:
        raise UploadInvalid(
            f"The parts add up to {size} bytes, but {written} were written: send the missing parts again.",
            key=key,
        )
    with translated(key):
        try:
            publish(directories, upload_directory(upload_id), _DATA, *split_key(key))
        except FileNotFoundError:
            return completed_before(
                key, size, partial(stat_object, directories)
            )  # another call published it just now
    abort_upload(directories, upload_id)
    return stat_object(directories, key)


def abort_upload(directories: Directories, upload_id: str) -> None:
    """Remove what is left of the upload."""
    with translated(), suppress(FileNotFoundError, UploadMissing):
        area = upload_directory(upload_id)
        here = directories.find(area)
        for name in (_DATA, _KEY):  # the key last: the upload is listed as long as it exists
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=here)
        # Over NFS a file that another client holds open keeps the directory; the next call removes it.
        directories.remove(area)


def list_uploads(root: Root, prefix: str) -> Iterator[PendingUpload]:
    """Every upload whose key starts with the prefix, in no order."""
    with translated():
        with Directories(root) as directories:
            try:
                ids = os.listdir(directories.find(UPLOADS))
            except FileNotFoundError:
                return
        for upload_id in ids:
            with Directories(root) as directories:
                found = _read_key(directories, upload_id)
            if found is not None and found.key.startswith(prefix):
                yield found


def _open_data(directories: Directories, key: str, upload_id: str) -> int:
    split_key(key)
    with translated(key):
        try:
            return os.open(_DATA, _OPEN, dir_fd=directories.find(upload_directory(upload_id)))
        except FileNotFoundError as error:
            raise UploadMissing("There is no such upload.", key=key) from error


def _close(file: int, key: str) -> None:
    with translated(key):  # over NFS this is where a full disk is reported
        os.close(file)


def _read_key(directories: Directories, upload_id: str) -> PendingUpload | None:
    """The upload as it was begun; None if it ended meanwhile."""
    try:
        file = os.open(
            _KEY,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
            dir_fd=directories.find(upload_directory(upload_id)),
        )
    except (FileNotFoundError, UploadMissing):
        return None
    try:
        key = os.read(file, 4096).decode()
        started_at = datetime.fromtimestamp(os.fstat(file).st_mtime, UTC)
    finally:
        os.close(file)
    return PendingUpload(key=key, upload_id=upload_id, started_at=started_at) if key else None


def _gather(chunks: Iterable[Buffer]) -> Iterator[list[bytes]]:
    """Group chunks for one call to the kernel each; a producer that reuses a writable buffer is copied."""
    buffers: list[bytes] = []
    size = 0
    for chunk in chunks:
        piece = chunk if isinstance(chunk, bytes) else bytes(chunk)
        buffers.append(piece)
        size += len(piece)
        if size >= _BYTES_AT_ONCE or len(buffers) >= _BUFFERS_AT_ONCE:
            yield buffers
            buffers, size = [], 0
    if buffers:
        yield buffers


def _write_at(file: int, buffers: list[bytes], offset: int) -> int:
    """Write the buffers one after another from the offset; return how many bytes that is."""
    size = sum(map(len, buffers))
    written = os.pwritev(file, buffers, offset)
    if written < size:
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            count = os.pwrite(file, rest, offset + written)
            written += count
            rest = rest[count:]
    return size
