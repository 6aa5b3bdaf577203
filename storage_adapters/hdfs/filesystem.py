"""The HDFS filesystems: a directory tree for fsspec programs, where a written file appears whole."""

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

from storage_adapters.errors import InvalidKey, ObjectExists, ObjectMissing, PermissionDenied, StorageError
from storage_adapters.hdfs.client import FileInfo, HdfsClient
from storage_adapters.hdfs.options import HdfsOptions, WebHdfsOptions, native_client, web_client
from storage_adapters.object_storage.own_area import RESERVED
from storage_adapters.options import OptionValue, read_options

_WRITE_BYTES = 32 * 1024 * 1024
_COPY_BYTES = 4 * 1024 * 1024

OS_ERRORS: Mapping[type[StorageError], type[OSError]] = {
    ObjectMissing: FileNotFoundError,
    ObjectExists: FileExistsError,
    PermissionDenied: PermissionError,
    InvalidKey: NotADirectoryError,
}
"""The errors that fsspec programs expect; everything else is an OSError."""


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise Python's errors instead of the storage's."""
    try:
        yield
    except StorageError as error:
        kind = next((kind for fault, kind in OS_ERRORS.items() if isinstance(error, fault)), OSError)
        raise kind(error.detail) from error


class HdfsFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec publishes no type information
    """Paths are relative to `root`; `hdfs://host:8020/data/x` is `data/x` under the default root `/`.

    Nothing is cached. A file is written under a hidden name in its directory and renamed on close; after an exception
    in the block, the old file is unchanged. Options are those of the storage.
    """

    protocol: ClassVar[str] = "hdfs"
    root_marker = ""
    cachable = False

    def __init__(
        self,
        host: str = "",
        port: int | None = None,
        *,
        client: HdfsClient | None = None,
        root: str = "",
        skip_instance_cache: bool = True,
        use_listings_cache: bool = False,
        asynchronous: bool = False,
        **options: OptionValue,
    ) -> None:
        super().__init__(use_listings_cache=False, skip_instance_cache=True)
        self.root = root
        with as_os_errors():
            self.client = client or self._connect(f"{host}:{port}" if port else host, options)

    @staticmethod
    def _connect(servers: str, options: Mapping[str, OptionValue]) -> HdfsClient:
        return native_client(servers, read_options(HdfsOptions, options))

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        scheme = f"{cls.protocol}://"
        if path.startswith(scheme):
            path = path.removeprefix(scheme).partition("/")[2]
        return path.strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        servers = path.partition("://")[2].partition("/")[0]
        return {"host": servers} if servers else {}

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        here = self.info(path)
        if here["type"] == "file":
            found = [here]
        else:
            base = f"{path}/" if path else ""
            with as_os_errors():
                found = [
                    _describe(base + entry.name, entry)
                    for entry in self.client.list_directory(self._place(path))
                    if path or entry.name != RESERVED
                ]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        with as_os_errors():
            return _describe(path, self.client.info(self._place(path)))

    def exists(self, path: str, **options: Any) -> bool:
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        self.makedirs(path, exist_ok=False)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        if not exist_ok and self.exists(path):
            raise FileExistsError(path)
        with as_os_errors():
            self.client.make_directory(self._place(path))

    def rmdir(self, path: str) -> None:
        self._remove(path, recursive=False)

    def rm_file(self, path: str) -> None:
        self._remove(path, recursive=False)

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        if recursive and maxdepth is None and isinstance(path, str) and not _has_magic(path):
            self._remove(path, recursive=True)
            return
        for found in reversed(self.expand_path(path, recursive=recursive, maxdepth=maxdepth)):
            self._remove(found, recursive=False)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        if self.isdir(path1):
            self.makedirs(path2, exist_ok=True)
            return
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)

    def mv_file(self, path1: str, path2: str, **options: Any) -> None:
        with as_os_errors():
            self._give_name(self._place(path1), self._place(path2), overwrite=True)

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        size = self.info(path)["size"]
        first, last, _ = slice(start, end).indices(size)
        with as_os_errors():
            (data,) = self.client.read(self._place(path), [(first, max(0, last - first))])
        return data

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        with self.open(path, "xb" if mode == "create" else "wb") as file:
            file.write(value)

    def put_file(self, lpath: str, rpath: str, mode: str = "overwrite", **options: Any) -> None:
        # The base class checks first and then writes; here the rename decides.
        if mode == "create":
            with open(lpath, "rb") as source, self.open(rpath, "xb") as target:
                shutil.copyfileobj(source, target, _COPY_BYTES)
        else:
            super().put_file(lpath, rpath, mode=mode, **options)

    def touch(self, path: str, truncate: bool = True, **options: Any) -> None:
        if truncate or not self.exists(path):
            self.open(path, "wb").close()
        else:
            raise NotImplementedError("HDFS cannot set times of a file: write it again.")

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **options: Any,
    ) -> "HdfsFile":
        if "x" in mode and self.exists(path):
            raise FileExistsError(path)  # the rename checks again when it publishes; this only fails earlier
        if mode == "rb" and self.info(path)["type"] == "directory":
            raise IsADirectoryError(path)
        return HdfsFile(
            self,
            path,
            mode,
            block_size or (HdfsFile.DEFAULT_BLOCK_SIZE if mode == "rb" else _WRITE_BYTES),
            autocommit=autocommit,
            cache_options=cache_options,
            **options,
        )

    def _remove(self, path: str, *, recursive: bool) -> None:
        with as_os_errors():
            if not self.client.delete(self._place(path), recursive=recursive):
                raise FileNotFoundError(path)

    def _give_name(self, source: str, target: str, *, overwrite: bool) -> None:
        try:
            self.client.rename(source, target, overwrite=overwrite)
        except ObjectMissing:
            self.client.make_directory(target.rpartition("/")[0])
            self.client.rename(source, target, overwrite=overwrite)

    def _place(self, path: str) -> str:
        """Where the path is in HDFS. Raises: PermissionError: outside the root."""
        path = self._strip_protocol(path)
        if ".." in path.split("/"):
            raise PermissionError(f"The path leaves the root: {path}")
        return f"{self.root}/{path}" if path else self.root or "/"


class WebHdfsFileSystem(HdfsFileSystem):
    """The same over WebHDFS or HttpFS; several hosts are separated by commas."""

    protocol: ClassVar[str] = "webhdfs"

    @staticmethod
    def _connect(servers: str, options: Mapping[str, OptionValue]) -> HdfsClient:
        return web_client(servers, read_options(WebHdfsOptions, options))


class HdfsFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec publishes no type information
    """A file that is read in blocks, or written under a hidden name in its directory and renamed on close."""

    def _initiate_upload(self) -> None:
        self._target = self.fs._place(self.path)
        directory = self._target.rpartition("/")[0]
        self._staged = f"{directory}/.{secrets.token_hex(8)}.part"
        self._begun = False
        if self.mode == "ab" and self.fs.exists(self.path):
            self._staged, self._begun = self._target, True

    def _upload_chunk(self, final: bool = False) -> bool:
        data = self.buffer.getvalue()
        with as_os_errors():
            if not self._begun:
                self.fs.client.write(self._staged, [data])
                self._begun = True
            elif data:
                self.fs.client.append(self._staged, data)
        if final and self.autocommit:
            self.commit()
        return True

    def _fetch_range(self, start: int, end: int) -> bytes:
        end = min(end, self.size)
        if end <= start:
            return b""
        with as_os_errors():
            found: list[bytes] = self.fs.client.read(self.fs._place(self.path), [(start, end - start)])
        return found[0]

    def commit(self) -> None:
        """Give the file its name.

        Raises: FileExistsError: it was opened for exclusive writing, and another writer was first.
        """
        if self._staged == self._target:
            return
        try:
            with as_os_errors():
                self.fs._give_name(self._staged, self._target, overwrite="x" not in self.mode)
        except OSError:
            self.discard()
            raise

    def discard(self) -> None:
        """Discard what was written."""
        if self.offset is not None and self._staged != self._target:
            with suppress(StorageError):
                self.fs.client.delete(self._staged, recursive=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or self.mode == "rb":
            self.close()
        else:
            self.closed = True
            self.discard()


def _describe(name: str, found: FileInfo) -> dict[str, Any]:
    return {
        "name": name,
        "size": 0 if found.is_directory else found.size_bytes,
        "type": "directory" if found.is_directory else "file",
        "mtime": found.modified_ms / 1000,
    }


def _has_magic(path: str) -> bool:
    return any(sign in path for sign in "*?[")
