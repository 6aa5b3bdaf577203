"""The client: the few calls that the HDFS storage needs, for both protocols."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage_adapters.network.protocol_probe import WireProtocol
from storage_adapters.object_storage.contract import Buffer


@dataclass(frozen=True, kw_only=True, slots=True)
class FileInfo:
    """A file or directory as the NameNode describes it; `name` is the last segment of its path."""

    name: str
    is_directory: bool
    size_bytes: int
    modified_ms: int


class HdfsClient(Protocol):
    """Calls take absolute paths, end within a deadline and raise `StorageError` subclasses only.

    Several threads may use one client.
    """

    addresses: Sequence[tuple[str, int]]
    """Host and port of each server that is tried."""
    wire_protocol: WireProtocol | None
    """The servers' protocol, if a client of another protocol's server would wait in vain; else None."""
    lists_at_once: bool
    """A directory's listing comes in one answer, however large it is, not in pages."""

    def info(self, path: str) -> FileInfo:
        """Raises: ObjectMissing."""

    def list_directory(self, path: str) -> Iterator[FileInfo]:
        """The entries of the directory, in no order; none if it is a file or missing."""

    def read(self, path: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes of each span, offset and length.

        Raises: ObjectMissing (also for a directory), ObjectChanged: the file ends before a span does.
        """

    def write(self, path: str, chunks: Iterable[Buffer]) -> int:
        """Write a new file and return its length; after an error a part of it may be left.

        Missing parents are made, with no write permission for others.
        """

    def append(self, path: str, data: Buffer) -> None:
        """Add to the end of a file. Raises: ObjectMissing."""

    def make_directory(self, path: str) -> None:
        """Make the directory and its parents; an existing one is no error."""

    def rename(self, source: str, target: str, *, overwrite: bool) -> None:
        """Give a file another name, atomically.

        Raises:
            ObjectExists: the target exists and `overwrite` is off.
            ObjectMissing: the source, or the target's directory, is missing.
            InvalidKey: the target is a directory, or lies under a file.
        """

    def delete(self, path: str, *, recursive: bool) -> bool:
        """Remove a file or directory; return whether it existed. Raises: DirectoryNotEmpty."""

    def concat(self, target: str, sources: Sequence[str]) -> None:
        """Move the blocks of the sources to the end of the target, all in one directory, without reading a byte.

        Raises: NotSupported: the protocol has no such call, or the cluster's rules refuse these files.
        """
