"""The NAS filesystem for fsspec programs: a directory tree in which a written file appears whole."""

import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO

from fsspec import AbstractFileSystem

from storage_adapters.object_storage.own_area import RESERVED

_BUFFER_BYTES = 1024 * 1024

_TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file"}


class NasFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec publishes no type information
    """Paths are relative to `root`; `nas:///mnt/data/x` is `mnt/data/x` under the default root `/`.

    Nothing is cached. A path that leaves the root, by `..` or through a symbolic link, is a PermissionError.
    Files are written to a temporary name, in the directory `staging` of the root or else beside them, and
    renamed on close; after an exception in the block, the old file is unchanged.
    """

    protocol = "nas"
    root_marker = ""
    cachable = False
    local_file = False

    def __init__(self, root: str = "/", staging: str | None = None, **options: Any) -> None:
        super().__init__(use_listings_cache=False, skip_instance_cache=True, **options)
        self.root = os.path.realpath(root)
        self.staging = staging

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        here = self._place(path)
        found = list(self._entries(path, here)) if os.path.isdir(here) else [self.info(path)]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        return _describe(path, os.stat(self._place(path)))

    def exists(self, path: str, **options: Any) -> bool:
        return os.path.exists(self._place(path))

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        if create_parents:
            os.makedirs(self._place(path))
        else:
            os.mkdir(self._place(path))

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        os.makedirs(self._place(path), exist_ok=exist_ok)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._place(path))

    def rm_file(self, path: str) -> None:
        os.unlink(self._place(path))

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        for found in reversed(self.expand_path(path, recursive=recursive, maxdepth=maxdepth)):
            if self.isdir(found):
                self.rmdir(found)
            else:
                self.rm_file(found)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        if self.isdir(path1):
            self.makedirs(path2, exist_ok=True)
            return
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)

    def mv_file(self, path1: str, path2: str, **options: Any) -> None:
        target = self._place(path2)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(self._place(path1), target)

    def touch(self, path: str, truncate: bool = True, **options: Any) -> None:
        if truncate or not self.exists(path):
            self.open(path, "wb").close()
        else:
            os.utime(self._place(path))

    def created(self, path: str) -> datetime:
        return datetime.fromtimestamp(os.stat(self._place(path)).st_ctime, UTC)

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(os.stat(self._place(path)).st_mtime, UTC)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        with self.open(path, "xb" if mode == "create" else "wb") as file:
            file.write(value)

    def put_file(self, lpath: str, rpath: str, mode: str = "overwrite", **options: Any) -> None:
        # The base class checks first and then writes; here an exclusive open decides.
        if mode == "create" and not os.path.isdir(lpath):
            with open(lpath, "rb") as source, self.open(rpath, "xb") as target:
                shutil.copyfileobj(source, target, 1024 * 1024)
        else:
            super().put_file(lpath, rpath, mode=mode, **options)

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **options: Any) -> BinaryIO:
        place = self._place(path)
        if mode == "rb":
            return open(place, "rb")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if mode == "ab":
            return open(place, "ab")
        if os.path.isdir(place):
            raise IsADirectoryError(path)
        if "x" in mode and os.path.lexists(place):
            raise FileExistsError(path)  # the writer checks again when it publishes; this only fails earlier
        staging = os.path.dirname(place) if self.staging is None else os.path.join(self.root, self.staging)
        os.makedirs(staging, exist_ok=True)
        return WholeFileWriter(place, staging=staging, exclusive="x" in mode, autocommit=autocommit)

    def _entries(self, path: str, here: str) -> Iterator[dict[str, Any]]:
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name == RESERVED and not path:
                    continue
                try:
                    yield _describe(f"{path}/{entry.name}" if path else entry.name, entry.stat())
                except FileNotFoundError:
                    continue  # removed meanwhile, or a broken link

    def _place(self, path: str) -> str:
        """Where the path is in the file system. Raises: PermissionError: outside the root."""
        path = self._strip_protocol(path)
        place = os.path.join(self.root, path) if path else self.root
        if self.root != "/":
            real = os.path.realpath(place)
            if ".." in path.split("/") or (real != self.root and not real.startswith(f"{self.root}/")):
                raise PermissionError(f"The path leaves the root: {path}")
        return place


def _describe(name: str, status: os.stat_result) -> dict[str, Any]:
    return {
        "name": name,
        "size": status.st_size,
        "type": _TYPES.get(stat.S_IFMT(status.st_mode), "other"),
        "mtime": status.st_mtime,
        "created": status.st_ctime,
        "ino": status.st_ino,
        "mode": status.st_mode,
    }


class WholeFileWriter(io.BufferedWriter):
    """Collects bytes under a temporary name in the directory `staging`; `close` publishes them, an exception discards them.

    Without `autocommit`, `close` only finishes the temporary file, and `commit` or `discard` follow.
    """

    def __init__(self, place: str, *, staging: str, exclusive: bool, autocommit: bool) -> None:
        self._place = place
        self._temporary = os.path.join(staging, f".{secrets.token_hex(8)}.part")
        self._exclusive = exclusive
        self._autocommit = autocommit
        super().__init__(io.FileIO(self._temporary, "xb"), _BUFFER_BYTES)

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        except BaseException:
            self.discard()
            raise
        if self._autocommit:
            self.commit()

    def commit(self) -> None:
        """Give the file its name.

        Raises: FileExistsError: it was opened for exclusive writing, and another writer was first.
        """
        if not self._exclusive:
            os.rename(self._temporary, self._place)
            return
        try:
            os.link(self._temporary, self._place)
        finally:
            os.unlink(self._temporary)

    def discard(self) -> None:
        """Discard what was written."""
        self._autocommit = False
        if not self.raw.closed:
            self.raw.close()
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        # It was never closed, so it may be incomplete.
        if not self.closed:
            self.discard()
