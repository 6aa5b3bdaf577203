"""Uploads: objects in parts, each a file of its own, which become one file by concatenation or one pass."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from storage_adapters.errors import (
    NotSupported,
    ObjectMissing,
    StorageError,
    UploadInvalid,
    UploadMissing,
)
from storage_adapters.hdfs.client import HdfsClient
from storage_adapters.hdfs.objects import Layout, Objects
from storage_adapters.object_storage.completion import completed_before, total_length
from storage_adapters.object_storage.contract import Buffer, ObjectInfo, Part, PendingUpload
from storage_adapters.object_storage.own_area import UPLOADS, upload_directory

_KEY = "key"
_PART = "part-"
_COPY_BYTES = 4 * 1024 * 1024


class Uploads:
    """The uploads of one storage; the directory of one holds the name of its key and its parts."""

    def __init__(self, client: HdfsClient, layout: Layout, objects: Objects) -> None:
        self._client = client
        self._layout = layout
        self._objects = objects

    def begin(self, key: str) -> str:
        """Make the upload's directory with the name of its key; return its id.

        The key is kept as nested directories: to close a small file takes up to half a second, until a DataNode reports,
        and a directory needs no report.
        """
        self._layout.object_path(key)
        upload_id = secrets.token_hex(16)
        self._client.make_directory(f"{self._area(upload_id)}/{_KEY}/{key}")
        return upload_id

    def write_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        """Write a part elsewhere and rename it into the upload, so that it is whole and an aborted upload stays gone.

        Raises:
            UploadMissing, UploadInvalid: the number is not valid.
        """
        self._layout.object_path(key)
        area = self._area(upload_id)
        if number < 1:
            raise UploadInvalid("Parts are numbered from 1.", key=key)
        self._require(key, area)
        staged = self._layout.new_staging_path()
        try:
            length = self._client.write(staged, chunks)
            try:
                self._client.rename(staged, _part_path(area, number), overwrite=True)
            except ObjectMissing as error:
                raise UploadMissing("The upload was aborted meanwhile.", key=key) from error
        except BaseException:
            with suppress(StorageError):
                self._client.delete(staged, recursive=False)
            raise
        return Part(number=number, offset=offset, length=length)

    def complete(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        """Publish the object that the parts make.

        Raises:
            UploadInvalid: there is a gap, an overlap, or a part that was not written.
            UploadMissing: the upload is unknown and there is no object of this size under the key.
        """
        target = self._layout.object_path(key)
        wanted = sorted(parts, key=lambda part: part.number)
        size = total_length(wanted, key)
        area = self._area(upload_id)
        try:
            self._require(key, area)
            self._objects.publish(self._joined(key, area, wanted, size), target)
        except (ObjectMissing, UploadMissing):
            # Another call published it, or one whose answer got lost.
            return completed_before(key, size, self._objects.stat)
        except UploadInvalid:
            if not self._has_parts(area):  # another call is publishing them now
                with suppress(UploadMissing):
                    return completed_before(key, size, self._objects.stat)
            raise
        self.abort(upload_id)
        return self._objects.stat(key)

    def abort(self, upload_id: str) -> None:
        """Remove what is left of the upload."""
        with suppress(UploadMissing):
            self._client.delete(self._area(upload_id), recursive=True)

    def list(self, prefix: str) -> Iterator[PendingUpload]:
        """Every upload whose key starts with the prefix, in no order."""
        for found in self._client.list_directory(self._layout.directory_path(UPLOADS)):
            with suppress(ObjectMissing, UploadMissing):
                path = f"{self._area(found.name)}/{_KEY}"
                marker = self._client.info(path)
                key = self._key_below(path)
                if key.startswith(prefix):
                    started_at = datetime.fromtimestamp(marker.modified_ms / 1000, UTC)
                    yield PendingUpload(key=key, upload_id=found.name, started_at=started_at)

    def _key_below(self, path: str) -> str:
        """What `begin` wrote there."""
        segments: list[str] = []
        while below := next(iter(self._client.list_directory("/".join([path, *segments]))), None):
            segments.append(below.name)
        return "/".join(segments)

    def _joined(self, key: str, area: str, parts: Sequence[Part], size: int) -> str:
        """The path of one file with the bytes of all parts.

        Concatenation moves blocks into the first part's file, some files at a time: after a call that was killed, the
        first file has the length of the parts that are gone, and this call goes on from there.
        """
        sizes = {found.name: found.size_bytes for found in self._client.list_directory(area)}
        used = [part for part in parts if part.length]
        if not used:
            return self._in_one_pass(area, [])
        paths = [_part_path(area, part.number) for part in used]
        begun = sizes.get(paths[0].rpartition("/")[2], -1)
        waiting = [part for part in used[1:] if part.offset >= begun]
        gone = used[0].length + sum(part.length for part in used[1 : len(used) - len(waiting)])
        missing = [part for part in waiting if sizes.get(_name(part.number)) != part.length]
        missing += [part for part in parts if not part.length and sizes.get(_name(part.number)) != 0]
        if begun != gone or missing:
            number = missing[0].number if missing else used[0].number
            raise UploadInvalid(f"Part {number} differs from the one that was sent: send it again.", key=key)
        rest = [_part_path(area, part.number) for part in waiting]
        if not rest:
            return paths[0]
        try:
            self._client.concat(paths[0], rest)
            return paths[0]
        except NotSupported:
            begun = self._client.info(paths[0]).size_bytes
            files = [(paths[0], begun)]
            files += [
                (_part_path(area, part.number), part.length) for part in waiting if part.offset >= begun
            ]
            whole = self._in_one_pass(area, files)
        if self._client.info(whole).size_bytes != size:
            raise UploadInvalid(f"The parts did not make {size} bytes: upload the object again.", key=key)
        return whole

    def _in_one_pass(self, area: str, files: Sequence[tuple[str, int]]) -> str:
        """Read the files one after another into a new one."""
        whole = f"{area}/whole-{secrets.token_hex(8)}"
        self._client.write(whole, self._bytes_of(files))
        return whole

    def _bytes_of(self, files: Sequence[tuple[str, int]]) -> Iterator[bytes]:
        for path, size in files:
            for offset in range(0, size, _COPY_BYTES):
                yield from self._client.read(path, [(offset, min(_COPY_BYTES, size - offset))])

    def _has_parts(self, area: str) -> bool:
        try:
            return any(found.name.startswith(_PART) for found in self._client.list_directory(area))
        except ObjectMissing:
            return False

    def _area(self, upload_id: str) -> str:
        """The directory of an upload. Raises: UploadMissing: the id was not made here."""
        return self._layout.directory_path(upload_directory(upload_id))

    def _require(self, key: str, area: str) -> None:
        """Raises: UploadMissing: the upload is not there."""
        try:
            self._client.info(f"{area}/{_KEY}")
        except ObjectMissing as error:
            raise UploadMissing("There is no such upload.", key=key) from error


def _name(number: int) -> str:
    return f"{_PART}{number:07}"


def _part_path(area: str, number: int) -> str:
    return f"{area}/{_name(number)}"
