"""The memory filesystem: the fsspec face of a memory storage, for what reads objects through `Storage.fs`."""

import io
from typing import Any

from fsspec import AbstractFileSystem
from support.storages.memory.state import MemoryState


class MemoryFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec publishes no type information
    """Paths are the keys; directories exist as long as keys run through them. Nothing is cached."""

    protocol = "datacenter-memory"
    root_marker = ""
    cachable = False

    def __init__(self, state: MemoryState, **options: Any) -> None:
        super().__init__(use_listings_cache=False, skip_instance_cache=True, **options)
        self._state = state

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        base = f"{path}/" if path else ""
        with self._state.lock:
            keys = [key for key in self._state.objects if key.startswith(base)]
        names = sorted({base + key[len(base) :].partition("/")[0] for key in keys})
        found = [self.info(name) for name in names] if names else [self.info(path)]
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        with self._state.lock:
            stored = self._state.objects.get(path)
            if stored is not None:
                return {"name": path, "size": len(stored.data), "type": "file", "mtime": stored.modified_at}
            if not path or any(key.startswith(f"{path}/") for key in self._state.objects):
                return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Directories come with their keys."""

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        """Directories come with their keys."""

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        with self._state.lock:
            if self._state.objects.pop(path, None) is None:
                raise FileNotFoundError(path)

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        for found in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            if self.isfile(found):  # a directory goes with the last key that runs through it
                self.rm_file(found)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            target.write(source.read())

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BytesIO:
        if mode == "rb":
            stored = self._state.objects.get(path)
            if stored is None:
                raise FileNotFoundError(path)
            return io.BytesIO(stored.data)
        if "x" in mode and path in self._state.objects:
            raise FileExistsError(path)
        return _Writer(self._state, path)


class _Writer(io.BytesIO):
    """Stores what was written when it is closed."""

    def __init__(self, state: MemoryState, path: str) -> None:
        super().__init__()
        self._state = state
        self._path = path

    def close(self) -> None:
        if not self.closed:
            self._state.put(self._path, self.getvalue())
        super().close()
