"""Objects: where they lie under the root, and how each is read, removed, or written under a staging name and renamed."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from secrets import token_hex

from storage_adapters.errors import InvalidKey, ObjectMissing, StorageError, StorageUnavailable
from storage_adapters.hdfs.client import FileInfo, HdfsClient
from storage_adapters.hdfs.faults import DirectoryNotEmpty
from storage_adapters.object_storage.contract import Buffer, ByteRange, ObjectInfo
from storage_adapters.object_storage.own_area import ABANDONED_AFTER, STAGING, check_object_key

_KEY = attrgetter("key")
_ATTEMPTS = 10  # an attempt fails only if the directory is removed between two calls


class Layout:
    """Paths under the root of one storage."""

    def __init__(self, root: str) -> None:
        self.root = root

    def object_path(self, key: str) -> str:
        """The path of the key's object.

        Raises:
            InvalidKey: the key is not valid, holds a colon, or lies in the storage's own area.
        Source: DFSUtil.isValidName refuses `:`; a segment has at most 255 bytes (dfs.namenode.fs-limits).
        """
        if ":" in check_object_key(key):
            raise InvalidKey("HDFS allows no ':' in a name: use another key.", key=key)
        return f"{self.root}/{key}"

    def directory_path(self, directory: str) -> str:
        """The path of a directory of keys; `""` is the root."""
        return f"{self.root}/{directory}" if directory else self.root

    def new_staging_path(self) -> str:
        """A path that no other writer uses."""
        return f"{self.root}/{STAGING}/{token_hex(16)}"


def describe(key: str, found: FileInfo) -> ObjectInfo:
    """The object as a listing shows it; the tag changes whenever the file is replaced or written."""
    return ObjectInfo(
        key=key,
        size_bytes=found.size_bytes,
        modified_at=datetime.fromtimestamp(found.modified_ms / 1000, UTC),
        etag=f"{found.modified_ms:x}-{found.size_bytes:x}",
    )


class Objects:
    """The objects under one root; several threads may use an instance."""

    def __init__(self, client: HdfsClient, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def stat(self, key: str) -> ObjectInfo:
        """Raises: ObjectMissing."""
        with _ErrorsAbout(key):
            found = self._client.info(self._layout.object_path(key))
        if found.is_directory:
            raise ObjectMissing(
                "There is no object under this key, but a directory of other objects.", key=key
            )
        return describe(key, found)

    def read(self, ranges: Iterable[ByteRange]) -> list[bytes]:
        """The ranges in their order; those of one key that follow one another are read from one open file.

        Raises: ObjectMissing, ObjectChanged.
        A file that is replaced between its opening and the read of its blocks is opened once more.
        """
        return [data for key, run in groupby(ranges, _KEY) for data in self._read_one(key, run)]

    def _read_one(self, key: str, ranges: Iterable[ByteRange]) -> list[bytes]:
        path, spans = self._layout.object_path(key), [(each.offset, each.length) for each in ranges]
        with _ErrorsAbout(key):
            try:
                return self._client.read(path, spans)
            except StorageUnavailable:
                return self._client.read(path, spans)

    def put(self, key: str, chunks: Iterable[Buffer]) -> None:
        """Write the object, in place of an older one; on failure nothing is left behind."""
        target = self._layout.object_path(key)
        staged = self._layout.new_staging_path()
        with _ErrorsAbout(key):
            try:
                self._client.write(staged, chunks)
                self.publish(staged, target)
            except BaseException:
                with suppress(StorageError):
                    self._client.delete(staged, recursive=False)
                raise

    def publish(self, staged: str, target: str) -> None:
        """Rename a staged file to its place; the directory is made, also while other processes remove it.

        Raises:
            ObjectMissing: the staged file is gone.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self._client.rename(staged, target, overwrite=True)
                return
            except ObjectMissing:
                if attempt:
                    self._client.info(staged)
                if attempt == _ATTEMPTS - 1:
                    raise StorageUnavailable(
                        "Another process removes the directory again and again: try later."
                    ) from None
                self._client.make_directory(target.rpartition("/")[0])

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        # A directory is no object; an empty one may be removed, too.
        with suppress(DirectoryNotEmpty), _ErrorsAbout(key):
            self._client.delete(self._layout.object_path(key), recursive=False)

    def remove_abandoned(self) -> None:
        """Remove files of killed writers, if they are older than `ABANDONED_AFTER`."""
        oldest = (datetime.now(UTC) - ABANDONED_AFTER).timestamp() * 1000
        area = self._layout.directory_path(STAGING)
        for found in self._client.list_directory(area):
            if found.modified_ms < oldest:
                self._client.delete(f"{area}/{found.name}", recursive=False)


class _ErrorsAbout:
    """Errors in the block name this key, not a path on the server."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StorageError):
            error.key = self._key
