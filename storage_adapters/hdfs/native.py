"""The native client: Hadoop's own protocol through hdfs-native, without a JVM, each call with a deadline."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import RawIOBase
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from hdfs_native import Client, FileStatus, FileWriter, WriteOptions

from storage_adapters.errors import (
    ConfigurationInvalid,
    NotSupported,
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageUnavailable,
)
from storage_adapters.hdfs.client import FileInfo
from storage_adapters.hdfs.faults import translate
from storage_adapters.network.protocol_probe import HADOOP, WireProtocol
from storage_adapters.object_storage.contract import Buffer

RPC_PORT = 8020
NAMES_AT_ONCE = 1000

ResultT = TypeVar("ResultT")

ERRORS: Mapping[type[BaseException], type[StorageError]] = {
    FileNotFoundError: ObjectMissing,
    FileExistsError: ObjectExists,
    PermissionError: PermissionDenied,
    NotImplementedError: NotSupported,
}

VARIANTS: Mapping[str, type[StorageError]] = {
    "InvalidArgument": ConfigurationInvalid,
    "InvalidPath": ConfigurationInvalid,
    "UrlParseError": ConfigurationInvalid,
    "XmlParseError": ConfigurationInvalid,
    "UnsupportedFeature": NotSupported,
    "UnsupportedErasureCodingPolicy": NotSupported,
    "SASLError": PermissionDenied,
    "GSSAPIError": PermissionDenied,
    "NoSASLMechanism": PermissionDenied,
    "IsADirectoryError": ObjectMissing,
}
"""A RuntimeError holds the Rust error as text, `Variant("detail")`; other variants may be temporary."""

_REMOTE = re.compile(r'(?:RPCError|FatalRPCError)\("(?P<name>[^"]+)", "(?P<message>.*)', re.DOTALL)
_VARIANT = re.compile(r'(?P<name>\w+)\("?(?P<message>.*)', re.DOTALL)


class NativeClient:
    """One connection to a NameNode, or to the active one of several.

    The user is that of the process: `HADOOP_USER_NAME`, the ticket of Kerberos, or the system's user.
    """

    wire_protocol: WireProtocol | None = WireProtocol(name=HADOOP, usual_port=RPC_PORT)
    lists_at_once = False

    def __init__(
        self,
        url: str,
        config: Mapping[str, str],
        *,
        config_dir: str = "",
        addresses: Sequence[tuple[str, int]] = (),
        timeout_seconds: int = 60,
        replication: int = 0,
        block_bytes: int = 0,
    ) -> None:
        self.addresses = addresses
        self._seconds = timeout_seconds
        self._options = WriteOptions(
            block_size=block_bytes or None,
            replication=replication or None,
            overwrite=False,
            create_parent=False,
        )
        self._client = self._call(None, lambda: Client(url, dict(config), config_dir or None))

    def info(self, path: str) -> FileInfo:
        return _describe(self._call(path, lambda: self._client.get_file_info(path)))

    def list_directory(self, path: str) -> Iterator[FileInfo]:
        with suppress(ObjectMissing):
            entries = self._call(path, lambda: self._client.list_status(path))
            while page := self._call(path, lambda: list(islice(entries, NAMES_AT_ONCE))):
                yield from (_describe(status) for status in page if status.path != path)

    def read(self, path: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        def read() -> list[bytes]:
            # Opened once: it is a call to the NameNode, which costs as much as reading a mebibyte.
            reader = self._client.read(path)
            # Beyond the end the reader panics instead of raising an error.
            if any(offset + length > len(reader) for offset, length in spans):
                raise ObjectChanged(f"The object ends at {len(reader)}, before the range does.", key=path)
            return [reader.read_range(offset, length) if length else b"" for offset, length in spans]

        return self._call(path, read)

    def write(self, path: str, chunks: Iterable[Buffer]) -> int:
        try:
            writer = self._call(path, lambda: _without_finalizer(self._client.create(path, self._options)))
        except ObjectMissing:
            # Directories that `create` makes would be writable by everybody.
            self.make_directory(path.rpartition("/")[0])
            writer = self._call(path, lambda: _without_finalizer(self._client.create(path, self._options)))
        size = 0
        try:
            for chunk in chunks:
                data = chunk if isinstance(chunk, bytes) else bytes(chunk)
                if data:
                    self._call(path, lambda data=data: writer.write(data))  # type: ignore[misc]  # the default only binds the loop's value
                size += len(data)
        finally:
            self._call(path, writer.close)
        return size

    def append(self, path: str, data: Buffer) -> None:
        def append() -> None:
            with _without_finalizer(self._client.append(path)) as writer:
                writer.write(data)

        self._call(path, append)

    def make_directory(self, path: str) -> None:
        self._call(path, lambda: self._client.mkdirs(path, create_parent=True))

    def rename(self, source: str, target: str, *, overwrite: bool) -> None:
        self._call(target, lambda: self._client.rename(source, target, overwrite))

    def delete(self, path: str, *, recursive: bool) -> bool:
        return self._call(path, lambda: self._client.delete(path, recursive))

    def concat(self, target: str, sources: Sequence[str]) -> None:
        raise NotSupported("hdfs-native cannot concatenate files: use webhdfs.", key=target)

    def _call(self, path: str | None, call: Callable[[], ResultT]) -> ResultT:
        try:
            return within(self._seconds, call)
        except (StorageError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A panic of the Rust library is a BaseException, but only this call has failed.
            raise translate_native(error, path) from error


def _without_finalizer(writer: FileWriter) -> FileWriter:
    """The writer without its finaliser, which would close the file once more.

    It would do so without a deadline, in any thread where the garbage collector runs: while the NameNode is away, a
    thread that has nothing to do with the file would hang.
    """
    RawIOBase.close(writer)  # marks it as closed for the finaliser; the file stays open
    return writer


def _describe(status: FileStatus) -> FileInfo:
    return FileInfo(
        name=status.path.rpartition("/")[2],
        is_directory=status.isdir,
        size_bytes=status.length,
        modified_ms=status.modification_time,
    )


def translate_native(error: BaseException, path: str | None) -> StorageError:
    """The storage error for an error of the library; the NameNode's errors are recognised by their Java class."""
    text = str(error)
    if remote := _REMOTE.match(text):
        return translate(remote["name"], remote["message"].rstrip('")'), path)
    for kind, fault in ERRORS.items():
        if isinstance(error, kind):
            return fault(text.partition("\n")[0], key=path)
    variant = _VARIANT.match(text)
    fault = VARIANTS.get(variant["name"] if variant else "", StorageUnavailable)
    return fault(text.partition("\n")[0].partition("\\n")[0] or type(error).__name__, key=path)


def within(seconds: float, call: Callable[[], ResultT]) -> ResultT:
    """What the call returns or raises, if that happens in time.

    hdfs-native retries a dead NameNode for minutes, and waits for a silent one for ever. A call that timed out
    goes on in its thread and may still take effect.

    Raises:
        StorageUnavailable: it took longer.
    """
    answers: SimpleQueue[tuple[ResultT | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            answers.put((None, error))

    Thread(target=run, name="hdfs-call", daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        raise StorageUnavailable(
            f"HDFS did not answer within {seconds:g} seconds: check that it is running, and that this is its RPC port."
        ) from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error it is what the call returned
